import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { LimitState } from '../../libs/redis-queue-transport/src/core/admin/limit-state.js';
import { limitText } from '../../libs/redis-queue-transport/src/core/broker/limit.js';
import { perKeyTerms } from '../../libs/redis-queue-transport/src/core/broker/per-key.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import type { QueueWorld } from './broker-world.js';
import { DrivenQueue } from './driven-queue.js';

const HOUR_MS = 3_600_000;

/** What every broker tells those who look into queues about limits. To be called within a `describe`. */
export function adminLimitsContract(world: QueueWorld): void {
  let queue: DrivenQueue;
  let admin: AdminBroker;

  beforeEach(() => {
    queue = new DrivenQueue(world, 'stock.reserve');
    admin = world.openAdmin();
  });

  afterEach(() => queue.leaveAll());

  /** Both ways of looking agree, but for the time that passes between them. */
  async function state(): Promise<LimitState> {
    const look = await admin.look(queue.name);
    const lengths = await admin.lengths(queue.name);
    const { maxLength, isFull, limit, perKey, order, slowedMs, rateWaitMs } = lengths;
    expect(look).toMatchObject({ maxLength, isFull, limit, perKey, order });
    expect(look.slowedMs > 0).toBe(slowedMs > 0);
    expect(look.rateWaitMs > 0).toBe(rateWaitMs > 0);
    return { maxLength, isFull, limit, perKey, order, slowedMs, rateWaitMs };
  }

  async function note(terms: Readonly<Record<string, string>>): Promise<void> {
    await (await queue.broker()).noteTerms(queue.name, terms);
  }

  test('the terms that the last server has recorded', async () => {
    await queue.join();
    const limit = { running: 20, rate: 50, perMs: 2_000 };
    const terms = {
      maxLength: '3',
      limit: limitText(limit),
      ...perKeyTerms({ running: 2, rate: 30, perMs: 4_000 }),
    };
    await note({ ...terms, order: 'newestFirst' });
    expect(await state()).toEqual({
      maxLength: 3,
      isFull: false,
      limit,
      perKey: { running: 2, rate: 30, perMs: 4_000 },
      order: 'newestFirst',
      slowedMs: 0,
      rateWaitMs: 0,
    });
    await note({ limit: limitText({ running: 7, rate: undefined, perMs: 1_000 }) });
    expect((await state()).limit).toEqual({ running: 7, rate: undefined, perMs: 1_000 });
    await note({ limit: limitText({ running: undefined, rate: 7, perMs: 50 }) });
    expect((await state()).limit).toEqual({ running: undefined, rate: 7, perMs: 50 });
  });

  test.each(['none', '', 'many', '-1', '5 running and more', '1e3 in 5 ms'])(
    'terms of others, such as "%s", count as nothing',
    async (odd) => {
      await queue.join();
      const terms = { maxLength: odd === '-1' ? 'x' : odd, limit: odd, order: odd };
      await note({ ...terms, 'perKey.running': odd, 'perKey.rate': odd });
      expect(await state()).toMatchObject({
        maxLength: undefined,
        isFull: false,
        limit: undefined,
        perKey: { running: 1, rate: undefined, perMs: 1_000 },
        order: 'oldestFirst',
      });
    },
  );

  test('whether the queue is full: what consumers hold does not count', async () => {
    await note({ maxLength: '2' });
    await queue.pushAll('held');
    const lease = await queue.join();
    await queue.take(lease, 1);
    await queue.push('waits');
    expect(await state()).toMatchObject({ isFull: false, maxLength: 2 });
    await queue.pushLater('later', HOUR_MS);
    expect(await state()).toMatchObject({ isFull: true });
  });

  test('for how long a queue is slowed down', async () => {
    const lease = await queue.join();
    await queue.push('a');
    const element = await queue.takeOne(lease);
    const replacement = withNextAttempt(element, 'a', 1);
    const retry = { kind: 'retry', element, replacement, slowsQueue: true } as const;
    await queue.exchange(lease, [{ ...retry, delayMs: HOUR_MS }]);
    const { slowedMs } = await state();
    expect(slowedMs).toBeGreaterThan(HOUR_MS - 600_000);
    expect(slowedMs).toBeLessThanOrEqual(HOUR_MS);
  });

  test('how long the rate makes the next message wait', async () => {
    const limit = { running: undefined, rate: 20, perMs: HOUR_MS };
    const lease = await queue.join({ limit });
    await note({ limit: limitText(limit) });
    await queue.pushAll('a', 'b', 'c');
    expect(await queue.take(lease, 1)).toHaveLength(1);
    expect(await state()).toMatchObject({ rateWaitMs: 0 });
    expect(await queue.take(lease, 2)).toHaveLength(1);
    const { rateWaitMs } = await state();
    expect(rateWaitMs).toBeGreaterThan(0);
    expect(rateWaitMs).toBeLessThanOrEqual(HOUR_MS / 20);
  });

  test('a rate lets the next message start when its time has come', async () => {
    const limit = { running: undefined, rate: 1, perMs: 40 };
    const lease = await queue.join({ limit });
    await note({ limit: limitText(limit) });
    await queue.push('a');
    await queue.take(lease, 1);
    await eventually(async () => expect(await state()).toMatchObject({ rateWaitMs: 0 }));
  });
}
