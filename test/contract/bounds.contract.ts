import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease, Settlement } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { QueueFullError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import type { BrokerWorld } from './broker-world.js';
import { element, ids, keyed } from './elements.js';

const QUEUE = 'orders.place';
const TERMS = {
  leaseMs: 30_000,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 3_600_000,
  waitMs: 200,
};
const HOUR_MS = 3_600_000;

/** What every broker does with the bound of a queue. Call it within a `describe`. */
export function boundsContract(world: BrokerWorld): void {
  let server: Broker;
  let sender: Broker;
  let lease: Lease;

  beforeEach(async () => {
    server = await world.open();
    sender = await world.open();
    lease = await server.join(QUEUE, TERMS, () => undefined);
  });

  afterEach(() => lease.leave().catch(() => undefined));

  async function bound(maxLength: number | 'none'): Promise<void> {
    await server.noteTerms(QUEUE, { maxLength: String(maxLength) });
  }

  /** What became of each: `added`, `duplicate`, or `full`. */
  async function pushAll(...names: readonly string[]): Promise<string[]> {
    const pushes = names.map((name) => sender.push(QUEUE, name, element(name)));
    return (await Promise.allSettled(pushes)).map((end) => {
      if (end.status === 'fulfilled') return end.value;
      if (end.reason instanceof QueueFullError) return 'full';
      throw end.reason;
    });
  }

  function pushLater(name: string): Promise<unknown> {
    return sender.push(QUEUE, name, element(name), { dueMs: sender.nowMs() + HOUR_MS });
  }

  async function take(count: number): Promise<readonly Buffer[]> {
    const reply = await lease.exchange([], count);
    if (reply === 'leaseLost') throw new Error('The lease was lost.');
    return reply.taken;
  }

  async function waitingIds(): Promise<(string | undefined)[]> {
    return ids((await world.dump(QUEUE)).waiting);
  }

  test('a push beyond the bound is refused, and leaves nothing behind', async () => {
    await bound(2);
    expect(await pushAll('a', 'b', 'c', 'd')).toEqual(['added', 'added', 'full', 'full']);
    const refusal = await sender.push(QUEUE, 'e', element('e')).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(QueueFullError);
    expect(refusal).toMatchObject({ queue: QUEUE, length: 2, maxLength: 2 });
    expect(await waitingIds()).toEqual(['a', 'b']);
  });

  test('the first push of a sender counts as well', async () => {
    await bound(1);
    await pushAll('a');
    const other = await world.open();
    await expect(other.push(QUEUE, 'b', element('b'))).rejects.toThrow(QueueFullError);
  });

  test('what consumers hold does not count, what is delayed and suspects do', async () => {
    await bound(3);
    await pushAll('held', 'held too');
    await take(2);
    await pushLater('later');
    await world.pushSuspects(QUEUE, element('suspect'));
    expect(await pushAll('a', 'b')).toEqual(['added', 'full']);
    await expect(pushLater('c')).rejects.toThrow(QueueFullError);
    await world.dropSuspects(QUEUE);
    expect(await pushAll('b')).toEqual(['added']);
  });

  test('messages that wait behind others of their key count', async () => {
    await bound(3);
    const push = (id: string): Promise<string> => sender.push(QUEUE, id, keyed('ada', id));
    for (const id of ['a', 'b', 'c']) expect(await push(id)).toBe('added');
    await expect(push('d')).rejects.toThrow(QueueFullError);
    expect(await sender.length(QUEUE)).toEqual({ length: 3, maxLength: 3 });
    const taken = await take(3);
    expect(ids(taken)).toEqual(['a']);
    const [held = Buffer.alloc(0)] = taken;
    await lease.exchange([{ kind: 'ack', element: held }], 0);
    expect(await push('d')).toBe('added');
    expect(await sender.length(QUEUE)).toEqual({ length: 3, maxLength: 3 });
    await take(3);
  });

  test('a message that Redis holds already is a duplicate, and no message too many', async () => {
    await bound(1);
    const push = (id: string): Promise<string> =>
      sender.push(QUEUE, id, element(id), { deduplicateMs: HOUR_MS });
    expect(await push('a')).toBe('added');
    expect(await push('a')).toBe('duplicate');
    await expect(push('b')).rejects.toThrow(QueueFullError);
    await take(1);
    expect(await push('b')).toBe('added');
  });

  test('a refused message leaves no parked body', async () => {
    world.expectParked();
    await bound(1);
    const large = 'x'.repeat(200_000);
    await sender.push(QUEUE, 'a', element('a', large));
    await expect(sender.push(QUEUE, 'b', element('b', large))).rejects.toThrow(QueueFullError);
    expect(await world.dump(QUEUE)).toMatchObject({ parkedEver: 1 });
    expect((await world.dump(QUEUE)).parked).toHaveLength(1);
  });

  test('senders learn of a new bound, and of its end, within about a second', async () => {
    await pushAll('a', 'b');
    await bound(2);
    await eventually(async () => expect(await pushAll('x')).toEqual(['full']));
    await bound('none');
    await eventually(async () => expect(await pushAll('y')).toEqual(['added']));
  });

  test('several senders together never exceed it', async () => {
    await bound(50);
    const senders = await Promise.all([world.open(), world.open(), world.open()]);
    const pushes = senders.flatMap((one, at) =>
      Array.from({ length: 40 }, (_, index) => {
        const name = `m${at}-${index}`;
        return one.push(QUEUE, name, element(name));
      }),
    );
    const ends = await Promise.allSettled(pushes);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
    expect(await waitingIds()).toHaveLength(50);
  });

  test('what comes back is never refused: releases and retries', async () => {
    await bound(1);
    await pushAll('released');
    const [released = Buffer.alloc(0)] = await take(1);
    await pushAll('retried');
    const [retried = Buffer.alloc(0)] = await take(1);
    await pushAll('a');
    const replacement = withNextAttempt(retried, 'unused');
    const settlements: Settlement[] = [
      { kind: 'release', element: released },
      { kind: 'retry', element: retried, replacement, delayMs: 0 },
    ];
    await lease.exchange(settlements, 0);
    expect(await waitingIds()).toHaveLength(3);
    expect(await pushAll('b')).toEqual(['full']);
  });

  test('the length says how many count, and the bound', async () => {
    expect(await sender.length(QUEUE)).toEqual({ length: 0, maxLength: undefined });
    await pushAll('a', 'b');
    await pushLater('c');
    await bound(7);
    expect(await sender.length(QUEUE)).toEqual({ length: 3, maxLength: 7 });
    await take(1);
    expect(await sender.length(QUEUE)).toEqual({ length: 2, maxLength: 7 });
  });

  test('a server that joins again records its bound again if it was lost', async () => {
    await bound(1);
    await world.loseAll();
    lease = await server.join(QUEUE, TERMS, () => undefined);
    expect(await sender.length(QUEUE)).toMatchObject({ maxLength: 1 });
    expect(await pushAll('a', 'b')).toEqual(['added', 'full']);
  });

  test('a server that joins again leaves the bound that another one has recorded since', async () => {
    await bound(1);
    await (await world.open()).noteTerms(QUEUE, { maxLength: '5' });
    const again = await server.join(QUEUE, TERMS, () => undefined);
    expect(await sender.length(QUEUE)).toMatchObject({ maxLength: 5 });
    await again.leave();
  });
}
