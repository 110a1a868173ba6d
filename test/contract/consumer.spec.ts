import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker.js';
import { Consumer } from '../../libs/redis-queue-transport/src/core/consumer.js';
import type {
  ConsumerObserver,
  ConsumerOptions,
} from '../../libs/redis-queue-transport/src/core/consumer.js';
import type { Delivery } from '../../libs/redis-queue-transport/src/core/delivery.js';
import { DeliveryRunner } from '../../libs/redis-queue-transport/src/core/delivery-runner.js';
import type { DeliveryHandler } from '../../libs/redis-queue-transport/src/core/delivery-runner.js';
import { MessageIds } from '../../libs/redis-queue-transport/src/core/message-id.js';
import { DONE } from '../../libs/redis-queue-transport/src/core/outcome.js';
import type { Result } from '../../libs/redis-queue-transport/src/core/outcome.js';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { Proxy } from '../support/proxy.js';
import type { Match } from '../support/proxy.js';
import { heldIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { ENDED_MS } from './broker-world.js';
import { counts, element, ids } from './elements.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const QUEUE = 'q';
const OPTIONS: Omit<ConsumerOptions, 'prefetch'> = {
  queue: QUEUE,
  concurrency: 3,
  leaseMs: 30_000,
  deadLetterLimit: 100,
  deadLetterMaxAgeMs: 3_600_000,
  maxCrashes: 3,
  onceMs: undefined,
};
const RETRY = { attempts: 2, backoff: 'fixed', delayMs: 0, maxDelayMs: 0 } as const;

/** The script that looks up whether a message was handled. */
const isHandledQuestion: Match = (words) =>
  words[2] === '1' && words[3]?.endsWith(':handled') === true;

let broker: Broker;

beforeEach(async () => {
  broker = await world.open();
});

/** A consumer whose handlers end when the test says so, and the notes of what it told. */
class Stage {
  readonly started: string[] = [];
  readonly ended = new Map<string, Gate<Result>>();
  readonly signals: string[] = [];
  readonly failures: unknown[] = [];
  readonly losses: number[] = [];
  mostAtOnce = 0;
  #running = 0;

  readonly consumer: Consumer;

  constructor(options: Partial<ConsumerOptions> = {}) {
    const handler: DeliveryHandler = {
      run: (delivery) => this.#handle(delivery),
      timedOut: (_delivery, error) => ({ kind: 'failed', error }),
    };
    const runner = new DeliveryRunner(handler, { retry: RETRY });
    this.consumer = new Consumer(
      broker,
      { prefetch: options.concurrency ?? OPTIONS.concurrency, ...OPTIONS, ...options },
      new MessageIds(),
      runner,
      this.#observer(),
    );
    rig.closeLater({ close: () => this.consumer.stop(200) });
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

  #observer(): ConsumerObserver {
    return {
      failed: (error) => this.failures.push(error),
      recovered: () => undefined,
      leaseLost: (deliveries) => this.losses.push(deliveries),
      reclaimed: () => undefined,
      deadLettersDropped: () => undefined,
      retried: () => undefined,
      deadLettered: () => undefined,
      skipped: () => undefined,
      missing: () => undefined,
    };
  }
}

async function start(options: Partial<ConsumerOptions> = {}): Promise<Stage> {
  const stage = new Stage(options);
  await stage.consumer.start();
  return stage;
}

async function pushAll(...names: string[]): Promise<void> {
  for (const name of names) await broker.push(QUEUE, name, element(name));
}

/** A line of CLIENT LIST. */
const BLOCKED_WAIT = /name=rq-wait.* flags=[^ ]*b/;

async function clients(): Promise<string> {
  return String(await rig.commands.client('LIST'));
}

/** As if a process had died while it ran them. */
async function pushSuspects(...names: string[]): Promise<void> {
  const suspects = names.map((name) => `{"rq":1,"crashes":1,"attempt":2,"id":"${name}"}\n{}`);
  await world.pushForeign(QUEUE, ...suspects);
}

describe('a consumer', () => {
  test('starts messages in order, as many at once as it may, and holds no more than those', async () => {
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

  test('runs a failed one again at once, and parks it when its attempts are used up', async () => {
    const stage = await start();
    await pushAll('a');
    for (const attempt of [1, 2]) {
      await eventually(() => expect(stage.started).toHaveLength(attempt));
      stage.end('a', { kind: 'failed', error: new Error('no') });
    }
    await eventually(async () => expect(ids((await world.dump(QUEUE)).dead)).toEqual(['a']));
    expect(stage.started).toEqual(['a', 'a']);
  });

  test('takes nothing from a paused queue, and goes on when it is resumed', async () => {
    await world.setPaused(QUEUE, true);
    await pushAll('a');
    const stage = await start();
    await world.setPaused(QUEUE, false);
    await eventually(() => expect(stage.started).toEqual(['a']));
    await world.setPaused(QUEUE, true);
    await eventually(async () => expect(await clients()).not.toMatch(BLOCKED_WAIT));
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
      await eventually(async () => expect(await clients()).toMatch(BLOCKED_WAIT));
      await world.setPaused(QUEUE, true);
      await eventually(async () => expect(await clients()).not.toMatch(BLOCKED_WAIT));
      await world.setPaused(QUEUE, false);
      await eventually(async () => expect(await clients()).toMatch(BLOCKED_WAIT));
      await pushAll(name);
      await eventually(() => expect(stage.started).toContain(name));
      stage.end(name);
    }
  });

  test('starts a delayed message when it is due', async () => {
    const stage = await start();
    const dueMs = broker.nowMs() + 100;
    await broker.push(QUEUE, 'a', element('a'), { dueMs });
    await eventually(() => expect(stage.started).toEqual(['a']));
    expect(broker.nowMs()).toBeGreaterThanOrEqual(dueMs);
    expect(broker.nowMs()).toBeLessThan(dueMs + 1_000);
    stage.end('a');
  });
});

describe('a consumer with a prefetch', () => {
  test('holds that many, and starts them in order as the others end', async () => {
    await pushAll('a', 'b', 'c', 'd', 'e');
    const stage = await start({ concurrency: 1, prefetch: 3 });
    await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(3));
    expect(stage.started).toEqual(['a']);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await eventually(() => expect(stage.started).toContain(name));
      expect(heldIn(await world.dump(QUEUE))).toBeLessThanOrEqual(3);
      stage.end(name);
    }
    await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(0));
    expect(stage.started).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(stage.mostAtOnce).toBe(1);
  });

  test('hands back in order and unharmed what it did not start, as soon as it drains', async () => {
    await pushAll('a', 'b', 'c', 'd', 'e');
    const stage = await start({ concurrency: 1, prefetch: 4 });
    await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(4));
    stage.consumer.drain();
    await eventually(async () => {
      const dump = await world.dump(QUEUE);
      expect(counts(dump.waiting)).toEqual(['b 1/0', 'c 1/0', 'd 1/0', 'e 1/0']);
    });
    stage.end('a');
    await stage.consumer.stop(1_000);
    expect(stage.started).toEqual(['a']);
  });

  test('hands back unharmed what it was only preparing to start when it was drained', async () => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const late = proxy.holdReply(isHandledQuestion);
    await pushAll('a');
    broker = await world.open(proxy.url);
    const stage = await start({ onceMs: 60_000 });
    await late.happened;
    stage.consumer.drain();
    late.release();
    await eventually(async () => {
      const dump = await world.dump(QUEUE);
      expect([heldIn(dump), counts(dump.waiting)]).toEqual([0, ['a 1/0']]);
    });
    expect(stage.started).toEqual([]);
  });

  test('hands back what it did not start when the queue is paused', async () => {
    await pushAll('a', 'b', 'c');
    const stage = await start({ concurrency: 1, prefetch: 3 });
    await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(3));
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

  test('does not start what expired while it was ready', async () => {
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

  test('runs a suspect alone: what is ready waits for its end', async () => {
    await pushSuspects('s');
    await pushAll('a', 'b');
    const stage = await start({ concurrency: 2, prefetch: 4 });
    await eventually(() => expect(stage.started).toEqual(['s']));
    stage.end('s');
    await eventually(() => expect(stage.started).toEqual(['s', 'a', 'b']));
  });
});

describe('suspects', () => {
  test('run one at a time, and beside nothing else', async () => {
    await pushAll('a');
    const stage = await start();
    await eventually(() => expect(stage.started).toEqual(['a']));
    await pushSuspects('s1', 's2');
    await pushAll('b', 'c');
    // The idle slot's wait brings the first suspect; it waits until it is alone.
    await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(2));
    expect(stage.started).toEqual(['a']);
    stage.end('a');
    for (const suspect of ['s1', 's2']) {
      await eventually(() => expect(stage.started.at(-1)).toBe(suspect));
      await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(1));
      stage.end(suspect);
    }
    await eventually(() => expect(stage.started).toEqual(['a', 's1', 's2', 'b', 'c']));
    stage.end('b');
    stage.end('c');
  });

  test('are parked unrun once they have crashed as often as is allowed', async () => {
    await world.pushForeign(QUEUE, '{"rq":1,"crashes":3,"attempt":4,"id":"bad"}\n{}');
    const stage = await start({ maxCrashes: 3 });
    await eventually(async () => expect(ids((await world.dump(QUEUE)).dead)).toEqual(['bad']));
    expect(stage.started).toEqual([]);
  });

  test('that were among others in their one crash are run, also when no second one is allowed', async () => {
    world.expectFenced();
    await pushAll('a', 'b');
    const dead = await broker.join(QUEUE, { ...OPTIONS, onceMs: 0, waitMs: 100 }, () => undefined);
    await dead.exchange([], 2);
    await world.endLease(QUEUE, dead.consumer);
    const other = await broker.join(QUEUE, { ...OPTIONS, onceMs: 0, waitMs: 100 }, () => undefined);
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

describe('drain', () => {
  test('starts nothing more: neither what comes, nor what waits to be alone', async () => {
    await pushAll('a');
    const stage = await start();
    await eventually(() => expect(stage.started).toEqual(['a']));
    await pushSuspects('s');
    await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(2));
    stage.consumer.drain();
    await pushAll('b');
    stage.end('a');
    await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBeLessThan(2));
    await stage.consumer.stop(5_000);
    expect(stage.started).toEqual(['a']);
    expect(counts((await world.dump(QUEUE)).waiting)).toEqual(['s 2/1', 'b 1/0']);
  });

  test('of an idle consumer leaves what comes for others', async () => {
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
      const stage = new Stage();
      const starting = stage.consumer.start();
      for (let trip = 0; trip < round % 5; trip += 1) await rig.commands.ping();
      await Promise.all([stage.consumer.stop(1_000), stage.consumer.stop(1_000), starting]);
      expect(stage.failures).toEqual([]);
    }
    expect(await rig.commands.keys('*:consumers')).toEqual([]);
  });

  test('hands back in order what the deadline finds running, and tells it', async () => {
    await pushAll('a', 'b', 'c', 'd');
    const stage = await start({ concurrency: 3 });
    await eventually(() => expect(stage.started).toHaveLength(3));
    await stage.consumer.stop(10);
    expect(stage.signals).toEqual(['a ShutdownError', 'b ShutdownError', 'c ShutdownError']);
    const dump = await world.dump(QUEUE);
    expect(counts(dump.waiting)).toEqual(['a 1/0', 'b 1/0', 'c 1/0', 'd 1/0']);
    // What they do afterwards no longer counts.
    for (const name of ['a', 'b', 'c']) stage.end(name);
    expect(heldIn(await world.dump(QUEUE))).toBe(0);
  });
});

describe('a consumer that lost its lease', () => {
  test('tells its handlers, and goes on with a new one over the same number of connections', async () => {
    world.expectFenced();
    const stage = await start({ concurrency: 1 });
    const rounds = 5;
    for (let round = 0; round < rounds; round += 1) {
      const name = `m${round}`;
      await pushAll(name);
      await eventually(() => expect(stage.started).toContain(name));
      await takeLeaseAway();
      // It learns it when it settles.
      stage.end(name);
      await eventually(() => expect(stage.losses).toHaveLength(round + 1));
      // It was the only delivery: reclaimed, run again, now as a suspect.
      await eventually(() => expect(stage.started).toHaveLength(2 * round + 2));
      await eventually(async () => {
        stage.end(name);
        const dump = await world.dump(QUEUE);
        expect([dump.waiting.length, heldIn(dump)]).toEqual([0, 0]);
      });
    }
    await eventually(async () => expect((await clients()).match(/name=rq-wait/g)).toHaveLength(1));
    expect(await rig.commands.zcard(world.key(QUEUE, 'consumers'))).toBe(1);
  });

  async function takeLeaseAway(): Promise<void> {
    const other = await broker.join(QUEUE, { ...OPTIONS, onceMs: 0, waitMs: 100 }, () => undefined);
    const consumers = await rig.commands.zrange(world.key(QUEUE, 'consumers'), '0', '-1');
    for (const consumer of consumers.filter((name) => name !== other.consumer)) {
      await world.endLease(QUEUE, consumer);
      await other.reclaim(consumer, ENDED_MS);
    }
    await other.leave();
  }
});
