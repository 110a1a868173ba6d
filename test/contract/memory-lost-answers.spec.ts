import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { OutcomeUnknownError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { nodeRuntime } from '../../libs/redis-queue-transport/src/core/process/node-runtime.js';
import { DirectLink } from '../../libs/redis-queue-transport/src/memory/link/direct-link.js';
import type {
  BlockingCommand,
  Command,
} from '../../libs/redis-queue-transport/src/memory/link/link.js';
import { ENDED_MS } from './broker-world.js';
import { counts, element, ids } from './elements.js';
import { MemoryWorld } from './memory-world.js';
import { withLease } from './with-lease.js';

const QUEUE = 'q';
const TERMS = {
  leaseMs: 30_000,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 60_000,
  waitMs: 60_000,
};
const NEVER = new AbortController().signal;

/** Executes what it is asked to, and gives no answers while it is told so. */
class DeafLink extends DirectLink {
  losesAnswers = false;
  /** The action whose next command arrives late. */
  delays = '';
  /** Commands that were sent and have not arrived. */
  readonly late: (() => void)[] = [];

  override async call<T>(action: string, command: Command<T>): Promise<T> {
    if (action === this.delays) {
      this.delays = '';
      this.late.push(() => void command());
      throw new OutcomeUnknownError('The connection was cut.');
    }
    const value = await super.call(action, command);
    if (this.losesAnswers) throw new OutcomeUnknownError('The answer was lost.');
    return value;
  }

  override async block<T>(
    action: string,
    command: BlockingCommand<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    if (!this.losesAnswers) return super.block(action, command, signal);
    this.late.push(() => void command(() => undefined));
    throw new OutcomeUnknownError('The connection was cut.');
  }
}

const world = new MemoryWorld();
let link: DeafLink;
let broker: Broker;
let lease: Lease;

beforeEach(async () => {
  world.beginTest();
  link = new DeafLink(nodeRuntime);
  broker = await world.openOver(link);
  lease = await join();
});

afterEach(() => world.endTest());

async function join(): Promise<Lease> {
  const joined = await broker.join(QUEUE, TERMS, () => undefined);
  world.closeLater({ close: () => joined.leave() });
  return joined;
}

async function pushAll(...names: string[]): Promise<void> {
  for (const name of names) await broker.push(QUEUE, name, element(name));
}

async function exchange(...given: Parameters<Lease['exchange']>): Promise<readonly Buffer[]> {
  return withLease(await lease.exchange(...given)).taken;
}

/** The answer to this is lost, whatever it did. */
async function unheard(call: () => Promise<unknown>): Promise<void> {
  link.losesAnswers = true;
  await expect(call()).rejects.toThrow(OutcomeUnknownError);
  link.losesAnswers = false;
}

describe('where the answer is lost', () => {
  test('to a push, the error names the message, and the message is held', async () => {
    link.losesAnswers = true;
    await expect(broker.push(QUEUE, 'a', element('a'))).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      messageId: 'a',
    });
    link.losesAnswers = false;
    expect(ids(await exchange([], 5))).toEqual(['a']);
  });

  test('to an exchange, what it took is handed out again, unchanged and in order', async () => {
    await pushAll('a', 'b', 'c');
    await unheard(() => lease.exchange([], 2));
    expect((await world.dump(QUEUE)).processing.get(lease.consumer)).toHaveLength(2);
    expect(counts(await exchange([], 5))).toEqual(['a 1/0', 'b 1/0', 'c 1/0']);
  });

  test('to an exchange, its settlements take effect once', async () => {
    await pushAll('a', 'b');
    const [a] = await exchange([], 1);
    const settlements = [{ kind: 'ack', element: a! }] as const;
    await unheard(() => lease.exchange(settlements, 0));
    expect(ids(await exchange(settlements, 5))).toEqual(['b']);
    expect((await world.dump(QUEUE)).waiting).toEqual([]);
  });

  test('to an exchange that slows the queue down, that is not slowed down anew', async () => {
    await pushAll('a');
    const [a] = await exchange([], 1);
    const replacement = withNextAttempt(a!, 'a');
    const terms = { replacement, delayMs: 60_000, slowsQueue: true } as const;
    const settlements = [{ kind: 'retry', element: a!, ...terms }] as const;
    await unheard(() => lease.exchange(settlements, 0));
    await world.passTime(60_000);
    expect(ids(await exchange(settlements, 5))).toEqual(['a']);
  });

  test('to giving strays back, a late one leaves what was handed out again where it runs', async () => {
    await pushAll('a', 'b');
    await unheard(() => lease.exchange([], 1));
    link.delays = 'give stray deliveries back';
    await expect(lease.exchange([], 1)).rejects.toThrow(OutcomeUnknownError);
    const [again] = await exchange([], 1);
    for (const execute of link.late) execute();
    expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['b']);
    expect(await lease.exchange([{ kind: 'ack', element: again! }], 0)).toMatchObject({
      missing: 0,
    });
  });

  test('to giving strays back, a late one leaves what was taken since where it runs', async () => {
    await pushAll('a', 'b');
    await unheard(() => lease.exchange([], 1));
    link.delays = 'give stray deliveries back';
    await expect(lease.exchange([], 1)).rejects.toThrow(OutcomeUnknownError);
    await lease.wait(NEVER);
    for (const execute of link.late) execute();
    const { waiting, processing } = await world.dump(QUEUE);
    expect([ids(waiting), ids(processing.get(lease.consumer) ?? [])]).toEqual([['a'], ['b']]);
  });

  test('to a wait that is executed after its consumer was fenced, what it took is given back', async () => {
    world.expectFenced();
    await unheard(() => lease.wait(NEVER));
    const other = await join();
    await world.endLease(QUEUE, lease.consumer);
    await other.reclaim(lease.consumer, ENDED_MS);
    for (const execute of link.late) execute();
    await pushAll('a');
    expect((await world.dump(QUEUE)).processing.get(lease.consumer)).toHaveLength(1);
    expect(await other.findLateTakes([lease.consumer])).toEqual([lease.consumer]);
    expect(await other.reclaim(lease.consumer)).toBe(1);
    expect(counts((await world.dump(QUEUE)).waiting)).toEqual(['a 1/0']);
  });
});
