import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Settlement } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { Consumer } from '../../libs/redis-queue-transport/src/core/consumer/consumer.js';
import type { ConsumerOptions } from '../../libs/redis-queue-transport/src/core/consumer/consumer-parts.js';
import type { RedisQueueObserver } from '../../libs/redis-queue-transport/src/core/lifecycle/observer.js';
import type { Delivery } from '../../libs/redis-queue-transport/src/core/delivery/delivery.js';
import { DeliveryRunner } from '../../libs/redis-queue-transport/src/core/delivery/delivery-runner.js';
import type { DeliveryHandler } from '../../libs/redis-queue-transport/src/core/delivery/delivery-runner.js';
import { readDeadLetter } from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { MessageIds } from '../../libs/redis-queue-transport/src/core/message/message-id.js';
import { DONE } from '../../libs/redis-queue-transport/src/core/delivery/outcome.js';
import type { Result } from '../../libs/redis-queue-transport/src/core/delivery/outcome.js';
import { TrialTurn } from '../../libs/redis-queue-transport/src/core/consumer/trial.js';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { heldIn } from '../support/queue-dump.js';
import type { QueueDump } from '../support/queue-dump.js';
import { ENDED_MS } from './broker-world.js';
import type { QueueWorld } from './broker-world.js';
import { counts, element, ids } from './elements.js';
import { LEASE_TERMS, withLease } from './with-lease.js';
import { Stopwatch } from '../support/stopwatch.js';
import { nodeRuntime } from '../../libs/redis-queue-transport/src/core/process/node-runtime.js';

export const QUEUE = 'q';
const OPTIONS: Omit<ConsumerOptions, 'prefetch'> = {
  queue: QUEUE,
  concurrency: 3,
  leaseMs: 30_000,
  deadLetterLimit: 100,
  deadLetterMaxAgeMs: 3_600_000,
  maxCrashes: 3,
  onceMs: undefined,
};
/** No test waits for the end of that. */
const SLOWED_MS = 3_600_000;
const RETRY = { attempts: 2, backoff: 'fixed', delayMs: 0, maxDelayMs: 0 } as const;

/** A consumer whose handlers end when the test says so, with a record of what it reported. */
export class Stage {
  readonly started: string[] = [];
  readonly ended = new Map<string, Gate<Result>>();
  readonly signals: string[] = [];
  readonly failures: unknown[] = [];
  readonly losses: number[] = [];
  mostAtOnce = 0;
  #running = 0;

  readonly consumer: Consumer;

  constructor(
    world: QueueWorld,
    broker: Broker,
    options: Partial<ConsumerOptions> = {},
    turn = new TrialTurn(),
  ) {
    const handler: DeliveryHandler = {
      run: (delivery) => this.#handle(delivery),
      timedOut: (_delivery, error) => ({ kind: 'failed', error }),
    };
    const runner = new DeliveryRunner(handler, { retry: RETRY }, nodeRuntime);
    this.consumer = new Consumer(
      broker,
      { prefetch: options.concurrency ?? OPTIONS.concurrency, ...OPTIONS, ...options },
      new MessageIds(nodeRuntime),
      runner,
      this.#observer(),
      turn,
      nodeRuntime,
    );
    world.closeLater({ close: () => this.consumer.stop(200) });
  }

  /** Ends the oldest run of this message's handler. */
  end(id: string, result: Result = DONE): void {
    this.ended.get(id)?.open(result);
  }

  async #handle(delivery: Delivery): Promise<Result> {
    const id = delivery.envelope.id ?? '';
    const end = new Gate<Result>();
    this.ended.set(id, end);
    this.started.push(id);
    this.#running += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#running);
    delivery.signal.addEventListener('abort', () => {
      const { name } = delivery.signal.reason as Error; // always an error of the library
      this.signals.push(`${id} ${name}`);
    });
    const result = await end.opened;
    this.#running -= 1;
    return result;
  }

  #observer(): RedisQueueObserver {
    return {
      callFailed: ({ error }) => this.failures.push(error),
      leaseLost: ({ running }) => this.losses.push(running),
    };
  }
}

function suspect(name: string): string {
  return `{"rq":1,"crashes":1,"attempt":2,"id":"${name}"}\n{}`;
}

function slowing(taken: Buffer): Settlement {
  const replacement = withNextAttempt(taken, 'new', 1);
  return { kind: 'retry', element: taken, replacement, delayMs: SLOWED_MS, slowsQueue: true };
}

function deadIds({ dead }: QueueDump): (string | undefined)[] {
  return ids(dead.map((letter) => readDeadLetter(letter)?.original ?? letter));
}

/** What a consumer does on every broker. To be called within a `describe`. */
export function consumerContract(world: QueueWorld): void {
  let broker: Broker;

  beforeEach(async () => {
    broker = await world.open();
  });

  async function start(options: Partial<ConsumerOptions> = {}, turn?: TrialTurn): Promise<Stage> {
    const stage = new Stage(world, broker, options, turn);
    await stage.consumer.start();
    return stage;
  }

  async function pushAll(...names: string[]): Promise<void> {
    for (const name of names) await broker.push(QUEUE, name, element(name));
  }

  /** Adds suspects, as if a process had died while running them. */
  async function pushSuspects(...names: string[]): Promise<void> {
    await world.pushSuspects(QUEUE, ...names.map(suspect));
  }

  const trialOf = (): Promise<string | undefined> => world.trialOf(QUEUE);

  describe('a consumer', () => {
    test('starts messages in order, as many at once as allowed, and holds no more than those', async () => {
      await pushAll('a', 'b', 'c', 'd', 'e');
      const stage = await start({ concurrency: 2 });
      await eventually(() => expect(stage.started).toEqual(['a', 'b']));
      const dump = await world.dump(QUEUE);
      expect([heldIn(dump), ids(dump.waiting)]).toEqual([2, ['c', 'd', 'e']]);
      stage.end('b');
      await eventually(() => expect(stage.started).toEqual(['a', 'b', 'c']));
      for (const name of ['a', 'c', 'd', 'e']) {
        await eventually(() => expect(stage.started).toContain(name));
        stage.end(name);
      }
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(0));
      expect(stage.mostAtOnce).toBe(2);
    });

    test('runs a failed message again at once, and dead-letters it after its last attempt', async () => {
      const stage = await start();
      await pushAll('a');
      for (const attempt of [1, 2]) {
        await eventually(() => expect(stage.started).toHaveLength(attempt));
        stage.end('a', { kind: 'failed', error: new Error('no') });
      }
      await eventually(async () => expect(deadIds(await world.dump(QUEUE))).toEqual(['a']));
      expect(stage.started).toEqual(['a', 'a']);
    });

    test('takes nothing from a paused queue, and goes on when it is resumed', async () => {
      await world.setPaused(QUEUE, true);
      await pushAll('a');
      const stage = await start();
      await world.setPaused(QUEUE, false);
      await eventually(() => expect(stage.started).toEqual(['a']));
      await world.setPaused(QUEUE, true);
      await eventually(async () => expect(await world.countWaits()).toBe(0));
      await pushAll('b');
      stage.end('a');
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(0));
      expect(stage.started).toEqual(['a']);
      await world.setPaused(QUEUE, false);
      await eventually(() => expect(stage.started).toEqual(['a', 'b']));
      stage.end('b');
    });

    test('waits again after each pause that ended its wait', async () => {
      const stage = await start();
      for (const name of ['a', 'b']) {
        await eventually(async () => expect(await world.countWaits()).toBe(1));
        await world.setPaused(QUEUE, true);
        await eventually(async () => expect(await world.countWaits()).toBe(0));
        await world.setPaused(QUEUE, false);
        await eventually(async () => expect(await world.countWaits()).toBe(1));
        await pushAll(name);
        await eventually(() => expect(stage.started).toContain(name));
        stage.end(name);
      }
    });

    test('starts a delayed message when it is due', async () => {
      const stage = await start();
      const watch = Stopwatch.start();
      const dueMs = broker.nowMs() + 100;
      await broker.push(QUEUE, 'a', element('a'), { dueMs });
      await eventually(() => expect(stage.started).toEqual(['a']));
      expect(broker.nowMs()).toBeGreaterThanOrEqual(dueMs);
      watch.expectAtMost(100 + 1_000);
      stage.end('a');
    });
  });

  describe('a consumer with a prefetch', () => {
    test('holds that many messages, and starts them in order as others end', async () => {
      await pushAll('a', 'b', 'c', 'd', 'e');
      const stage = await start({ concurrency: 1, prefetch: 3 });
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(3));
      await eventually(() => expect(stage.started).toEqual(['a']));
      for (const name of ['a', 'b', 'c', 'd', 'e']) {
        await eventually(() => expect(stage.started).toContain(name));
        expect(heldIn(await world.dump(QUEUE))).toBeLessThanOrEqual(3);
        stage.end(name);
      }
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(0));
      expect(stage.started).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(stage.mostAtOnce).toBe(1);
    });

    test('hands back unchanged and in order what it has not started, as soon as it drains', async () => {
      await pushAll('a', 'b', 'c', 'd', 'e');
      const stage = await start({ concurrency: 1, prefetch: 4 });
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(4));
      await eventually(() => expect(stage.started).toEqual(['a']));
      stage.consumer.drain();
      await eventually(async () => {
        const dump = await world.dump(QUEUE);
        expect(counts(dump.waiting)).toEqual(['b 1/0', 'c 1/0', 'd 1/0', 'e 1/0']);
      });
      stage.end('a');
      await stage.consumer.stop(1_000);
      expect(stage.started).toEqual(['a']);
    });

    test('hands back what it has not started when the queue is paused', async () => {
      await pushAll('a', 'b', 'c');
      const stage = await start({ concurrency: 1, prefetch: 3 });
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(3));
      await eventually(() => expect(stage.started).toEqual(['a']));
      await world.setPaused(QUEUE, true);
      await eventually(async () => {
        const dump = await world.dump(QUEUE);
        expect([heldIn(dump), ids(dump.waiting)]).toEqual([1, ['b', 'c']]);
      });
      stage.end('a');
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(0));
      expect(stage.started).toEqual(['a']);
      await world.setPaused(QUEUE, false);
      await eventually(() => expect(stage.started).toEqual(['a', 'b']));
    });

    test.each<[string, Partial<ConsumerOptions>]>([
      ['', {}],
      [' while it checks ids', { onceMs: 60_000 }],
    ])('starts nothing more once another process has slowed the queue down%s', async (_, more) => {
      await pushAll('a', 'b', 'c');
      const other = await (await world.open()).join(QUEUE, LEASE_TERMS, () => undefined);
      const taken = withLease(await other.exchange([], 1)).taken;
      const stage = await start({ concurrency: 1, prefetch: 2, ...more });
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(3));
      await eventually(() => expect(stage.started).toEqual(['b']));
      await other.exchange(taken.map(slowing), 0);
      await eventually(async () => expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['c']));
      stage.end('b');
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(0));
      expect(stage.started).toEqual(['b']);
      await other.leave();
    });

    test('starts nothing more once one of its handlers has slowed the queue down', async () => {
      await pushAll('a', 'b', 'c');
      const stage = await start({ concurrency: 1, prefetch: 2 });
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(2));
      await eventually(() => expect(stage.started).toEqual(['a']));
      stage.end('a', { kind: 'retryLater', delayMs: SLOWED_MS, slowsQueue: true });
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(0));
      expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['b', 'c']);
      expect(stage.started).toEqual(['a']);
    });

    test('goes on when the time is over for which the queue was slowed down', async () => {
      await pushAll('a', 'b', 'c');
      const stage = await start({ concurrency: 1, prefetch: 2 });
      await eventually(() => expect(stage.started).toEqual(['a']));
      stage.end('a', { kind: 'retryLater', delayMs: 50, slowsQueue: true });
      for (const [at, name] of ['a', 'a', 'b', 'c'].entries()) {
        await eventually(() => expect(stage.started[at]).toBe(name));
        stage.end(name);
      }
    });

    test('does not start a message that expired while it was ready', async () => {
      const expiresAtMs = broker.nowMs() + 300;
      await pushAll('a');
      await world.pushForeign(QUEUE, `{"rq":1,"id":"late","at":1,"expiresAt":${expiresAtMs}}\n{}`);
      await pushAll('c');
      const stage = await start({ concurrency: 1, prefetch: 3 });
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(3));
      await eventually(() => expect(broker.nowMs()).toBeGreaterThan(expiresAtMs));
      stage.end('a');
      await eventually(() => expect(stage.started).toEqual(['a', 'c']));
      await eventually(async () => expect((await world.dump(QUEUE)).expired).toBe(1));
    });
  });

  describe('suspects', () => {
    test('run one at a time, before the messages that wait', async () => {
      await pushSuspects('s1', 's2');
      await pushAll('a', 'b');
      const stage = await start({ concurrency: 2, prefetch: 4 });
      for (const suspect of ['s1', 's2']) {
        await eventually(() => expect(stage.started.at(-1)).toBe(suspect));
        await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(1));
        stage.end(suspect);
      }
      await eventually(() => expect(stage.started).toEqual(['s1', 's2', 'a', 'b']));
      stage.end('a');
      stage.end('b');
    });

    test('wait until the running handlers have ended, while nothing more is taken', async () => {
      await pushAll('a');
      const stage = await start();
      await eventually(() => expect(stage.started).toEqual(['a']));
      await pushSuspects('s');
      await eventually(async () => expect(await trialOf()).toBeDefined());
      await pushAll('b');
      stage.end('a');
      await eventually(() => expect(stage.started).toEqual(['a', 's']));
      expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['b']);
      stage.end('s');
      await eventually(() => expect(stage.started).toEqual(['a', 's', 'b']));
      stage.end('b');
    });

    test('make the consumer give back what was ready and had not begun', async () => {
      await pushAll('a', 'b', 'c');
      const stage = await start({ concurrency: 1, prefetch: 3 });
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(3));
      await pushSuspects('s');
      await pushAll('d');
      stage.end('a');
      await eventually(() => expect(stage.started.length).toBeGreaterThan(1));
      for (let name = stage.started.at(-1); name !== 's'; name = stage.started.at(-1)) {
        const before = stage.started.length;
        stage.end(name ?? '');
        await eventually(() => expect(stage.started.length).toBeGreaterThan(before));
      }
      expect(heldIn(await world.dump(QUEUE))).toBe(1);
      for (const name of ['s', 'b', 'c', 'd']) stage.end(name);
      const others = ['a', 'b', 'c', 'd'];
      await eventually(() => {
        for (const name of stage.started) stage.end(name);
        expect(stage.started.filter((name) => name !== 's')).toEqual(others);
      });
    });

    test('that hang do not stop the queue: other messages begin beside them', async () => {
      await pushSuspects('hangs');
      await pushAll('a', 'b');
      const stage = await start();
      await eventually(() => expect(stage.started).toEqual(['hangs', 'a', 'b']));
      for (const name of stage.started) stage.end(name);
    });

    test('run beside a handler that hangs, and then the queue goes on', async () => {
      await pushAll('hangs');
      const stage = await start();
      await eventually(() => expect(stage.started).toEqual(['hangs']));
      await pushSuspects('s');
      await eventually(async () => expect(await trialOf()).toBeDefined());
      await pushAll('a');
      await eventually(() => expect(stage.started).toEqual(['hangs', 's']), 15_000);
      stage.end('s');
      await eventually(() => expect(stage.started).toEqual(['hangs', 's', 'a']));
      for (const name of stage.started) stage.end(name);
    });

    test('are left to others by a consumer with a hanging handler in every place', async () => {
      await pushAll('hangs');
      const stage = await start({ concurrency: 1 });
      await eventually(() => expect(stage.started).toEqual(['hangs']));
      await pushSuspects('s');
      const other = await start({ concurrency: 1 });
      await eventually(() => expect(other.started).toEqual(['s']));
      other.end('s');
      stage.end('hangs');
    });

    test('are run by one consumer while another goes on with the queue', async () => {
      await pushAll('x', 'y');
      const [one, other] = [await start({ concurrency: 2 }), await start({ concurrency: 2 })];
      const both = (): string[] => [...one.started, ...other.started];
      await eventually(() => expect(both().sort()).toEqual(['x', 'y']));
      await pushSuspects('s');
      await eventually(async () => expect(await trialOf()).toBeDefined());
      await pushAll('a', 'b');
      await eventually(() => expect(both()).toEqual(expect.arrayContaining(['a'])));
      for (const stage of [one, other]) for (const name of stage.started) stage.end(name);
      await eventually(() => {
        for (const stage of [one, other]) for (const name of stage.started) stage.end(name);
        expect(both().sort()).toEqual(['a', 'b', 's', 'x', 'y']);
      });
    });

    test('of two queues are not run at the same time in one process', async () => {
      const turn = new TrialTurn();
      await world.pushSuspects('q1', suspect('s1'));
      await world.pushSuspects('q2', suspect('s2'));
      const [first, second] = [
        await start({ queue: 'q1' }, turn),
        await start({ queue: 'q2' }, turn),
      ];
      await eventually(() => expect([...first.started, ...second.started]).toHaveLength(1));
      const [running, waiting] = first.started.length > 0 ? [first, second] : [second, first];
      expect(waiting.started).toEqual([]);
      for (const name of running.started) running.end(name);
      await eventually(() => expect(waiting.started).toHaveLength(1));
      for (const name of waiting.started) waiting.end(name);
    });

    test('whose handler failed are retried among the other messages', async () => {
      await pushSuspects('s');
      const stage = await start();
      await eventually(() => expect(stage.started).toEqual(['s']));
      await pushAll('a');
      stage.end('s', { kind: 'retryLater', delayMs: 0 });
      await eventually(() => expect([...stage.started].sort()).toEqual(['a', 's', 's']));
      const dump = await world.dump(QUEUE);
      expect(dump.suspects).toEqual([]);
      expect([...dump.processing.values()].flatMap(counts)).toContain('s 3/0');
      for (const name of stage.started) stage.end(name);
    });

    test('are dead-lettered without being run after as many crashes as allowed', async () => {
      await world.pushSuspects(QUEUE, '{"rq":1,"crashes":3,"attempt":4,"id":"bad"}\n{}');
      const stage = await start({ maxCrashes: 3 });
      await eventually(async () => expect(deadIds(await world.dump(QUEUE))).toEqual(['bad']));
      expect(stage.started).toEqual([]);
    });

    test('that crashed once together with others are run, even if no second crash is allowed', async () => {
      world.expectFenced();
      await pushAll('a', 'b');
      const dead = await broker.join(
        QUEUE,
        { ...OPTIONS, onceMs: 0, waitMs: 100 },
        () => undefined,
      );
      await dead.exchange([], 2);
      await world.endLease(QUEUE, dead.consumer);
      const other = await broker.join(
        QUEUE,
        { ...OPTIONS, onceMs: 0, waitMs: 100 },
        () => undefined,
      );
      await other.reclaim(dead.consumer, ENDED_MS);
      await other.leave();
      const stage = await start({ maxCrashes: 2 });
      for (const name of ['a', 'b']) {
        await eventually(() => expect(stage.started).toContain(name));
        stage.end(name);
      }
      expect((await world.dump(QUEUE)).dead).toEqual([]);
    });
  });

  describe('pause', () => {
    test('starts nothing more, hands back what has not started, and goes on at resume', async () => {
      await pushAll('a', 'b', 'c');
      const stage = await start({ concurrency: 1, prefetch: 3 });
      await eventually(() => expect(stage.started).toEqual(['a']));
      stage.consumer.pause();
      stage.consumer.pause();
      await eventually(async () => {
        const dump = await world.dump(QUEUE);
        expect([heldIn(dump), ids(dump.waiting)]).toEqual([1, ['b', 'c']]);
      });
      stage.end('a');
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(0));
      expect(stage.started).toEqual(['a']);
      stage.consumer.resume();
      await eventually(() => expect(stage.started).toEqual(['a', 'b']));
      stage.end('b');
      await eventually(() => expect(stage.started).toEqual(['a', 'b', 'c']));
      stage.end('c');
      await stage.consumer.stop(5_000);
      expect(stage.failures).toEqual([]);
    });

    test('leaves messages, suspects and the time to others', async () => {
      const resting = await start();
      resting.consumer.pause();
      const other = await start();
      await pushSuspects('s');
      await eventually(() => expect(other.started).toEqual(['s']));
      other.end('s');
      await broker.push(QUEUE, 'later', element('later'), { dueMs: broker.nowMs() + 50 });
      await eventually(() => expect(other.started).toEqual(['s', 'later']));
      other.end('later');
      await other.consumer.stop(5_000);
      await resting.consumer.stop(5_000);
      expect(resting.started).toEqual([]);
      expect([...resting.failures, ...other.failures]).toEqual([]);
    });

    test('before the start leaves everything until resume, delayed messages included', async () => {
      await pushAll('a');
      await broker.push(QUEUE, 'later', element('later'), { dueMs: broker.nowMs() + 20 });
      const stage = new Stage(world, broker);
      stage.consumer.pause();
      await stage.consumer.start();
      await eventually(() => expect(broker.nowMs()).toBeGreaterThan(0));
      expect(stage.started).toEqual([]);
      stage.consumer.resume();
      await eventually(() => expect(new Set(stage.started)).toEqual(new Set(['a', 'later'])));
      for (const id of ['a', 'later']) stage.end(id);
      await stage.consumer.stop(5_000);
    });
  });

  describe('drain', () => {
    test('starts nothing more, neither new messages nor suspects that wait to be alone', async () => {
      await pushAll('a');
      const stage = await start();
      await eventually(() => expect(stage.started).toEqual(['a']));
      await pushSuspects('s');
      await eventually(async () => expect(await trialOf()).toBeDefined());
      stage.consumer.drain();
      // From now on, others may run the suspect, even if this consumer still runs something.
      await eventually(async () => expect(await trialOf()).toBeUndefined());
      await pushAll('b');
      stage.end('a');
      await stage.consumer.stop(5_000);
      expect(stage.started).toEqual(['a']);
      const dump = await world.dump(QUEUE);
      expect([counts(dump.suspects), counts(dump.waiting)]).toEqual([['s 2/1'], ['b 1/0']]);
    });

    test('of an idle consumer leaves new messages to others', async () => {
      const stage = await start();
      stage.consumer.drain();
      await stage.consumer.stop(1_000);
      await pushAll('a');
      expect(stage.started).toEqual([]);
      expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['a']);
      expect(stage.failures).toEqual([]);
    });
  });

  describe('stop', () => {
    test('may be called at any time, and twice, and leaves the queue without a trace', async () => {
      for (let round = 0; round < 20; round += 1) {
        const stage = new Stage(world, broker);
        const starting = stage.consumer.start();
        for (let trip = 0; trip < round % 5; trip += 1) await broker.isServed(QUEUE);
        await Promise.all([stage.consumer.stop(1_000), stage.consumer.stop(1_000), starting]);
        expect(stage.failures).toEqual([]);
      }
      expect((await world.leaseEnds(QUEUE)).size).toBe(0);
    });

    test('hands back in order what still runs at the deadline, and fires its signals', async () => {
      await pushAll('a', 'b', 'c', 'd');
      const stage = await start({ concurrency: 3 });
      await eventually(() => expect(stage.started).toHaveLength(3));
      await stage.consumer.stop(10);
      expect(stage.signals).toEqual(['a ShutdownError', 'b ShutdownError', 'c ShutdownError']);
      const dump = await world.dump(QUEUE);
      expect(counts(dump.waiting)).toEqual(['a 1/0', 'b 1/0', 'c 1/0', 'd 1/0']);
      // The results of these handlers no longer count.
      for (const name of ['a', 'b', 'c']) stage.end(name);
      expect(heldIn(await world.dump(QUEUE))).toBe(0);
    });
  });

  describe('a consumer that lost its lease', () => {
    test('tells its handlers, and goes on with a new lease and one wait', async () => {
      world.expectFenced();
      const stage = await start({ concurrency: 1 });
      const rounds = 5;
      for (let round = 0; round < rounds; round += 1) {
        const name = `m${round}`;
        await pushAll(name);
        await eventually(() => expect(stage.started).toContain(name));
        await takeLeaseAway();
        // The consumer notices when it settles.
        stage.end(name);
        await eventually(() => expect(stage.losses).toHaveLength(round + 1));
        // The only delivery was reclaimed, and now runs again as a suspect.
        await eventually(() => expect(stage.started).toHaveLength(2 * round + 2));
        await eventually(async () => {
          stage.end(name);
          const dump = await world.dump(QUEUE);
          expect([dump.waiting.length, heldIn(dump)]).toEqual([0, 0]);
        });
      }
      await eventually(async () => expect(await world.countWaits()).toBe(1));
      expect((await world.leaseEnds(QUEUE)).size).toBe(1);
    });

    async function takeLeaseAway(): Promise<void> {
      const other = await broker.join(
        QUEUE,
        { ...OPTIONS, onceMs: 0, waitMs: 100 },
        () => undefined,
      );
      const consumers = [...(await world.leaseEnds(QUEUE)).keys()];
      for (const consumer of consumers.filter((name) => name !== other.consumer)) {
        await world.endLease(QUEUE, consumer);
        await other.reclaim(consumer, ENDED_MS);
      }
      await other.leave();
    }
  });
}
