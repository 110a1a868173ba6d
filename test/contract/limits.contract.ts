import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker, WakeNews } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Exchange,
  Lease,
  Settlement,
  TrialStep,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import type { QueueLimit } from '../../libs/redis-queue-transport/src/core/broker/limit.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import { heldIn } from '../support/queue-dump.js';
import { ENDED_MS } from './broker-world.js';
import type { QueueWorld } from './broker-world.js';
import { brought, element, ids } from './elements.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

const QUEUE = 'stock.reserve';
const TERMS = { ...LEASE_TERMS, deadLetterLimit: 3, waitMs: 5_000 };
const NEVER = new AbortController().signal;
/** The limit depends on what is settled, not on time. */
const UNTIL_WOKEN = { inMs: undefined, spreadMs: 0, isSlowed: false };

function running(most: number): QueueLimit {
  return { running: most, rate: undefined, perMs: 1_000 };
}

function rate(messages: number, perMs: number): QueueLimit {
  return { running: undefined, rate: messages, perMs };
}

function done(elements: readonly Buffer[]): readonly Settlement[] {
  return elements.map((one) => ({ kind: 'ack', element: one }));
}

/** How limits of a queue hold, whatever the number of consumers. Call it within a `describe`. */
export function limitsContract(world: QueueWorld): void {
  let broker: Broker;
  let joined: Lease[];
  let admin: AdminBroker;

  beforeEach(async () => {
    joined = [];
    broker = await world.open();
    admin = world.openAdmin();
  });

  afterEach(() => Promise.allSettled(joined.map((lease) => lease.leave())));

  async function join(
    limit: QueueLimit | undefined,
    onWake: (news: WakeNews) => void = () => undefined,
    member = broker,
  ): Promise<Lease> {
    const lease = await member.join(QUEUE, { ...TERMS, limit }, onWake);
    joined.push(lease);
    return lease;
  }

  /** A consumer of another process, and the news that it hears. */
  async function joinElsewhere(limit: QueueLimit): Promise<{ lease: Lease; news: unknown[] }> {
    const news: unknown[] = [];
    const lease = await join(limit, (one) => news.push(one), await world.open());
    return { lease, news };
  }

  async function push(count: number, from = 0): Promise<void> {
    for (let number = from; number < from + count; number += 1)
      await broker.push(QUEUE, `m${number}`, element(`m${number}`));
  }

  async function exchange(
    lease: Lease,
    take: number,
    settlements: readonly Settlement[] = [],
    trial?: TrialStep,
  ): Promise<Exchange> {
    return withLease(await lease.exchange(settlements, take, trial));
  }

  async function waitingIds(): Promise<(string | undefined)[]> {
    return ids((await world.dump(QUEUE)).waiting);
  }

  describe('a limit of what runs', () => {
    test('holds for all consumers together', async () => {
      const [one, other] = [await join(running(3)), await join(running(3))];
      await push(5);
      expect(ids((await exchange(one, 2)).taken)).toEqual(['m0', 'm1']);
      const { taken, limited } = await exchange(other, 2);
      expect(ids(taken)).toEqual(['m2']);
      expect(limited).toEqual(UNTIL_WOKEN);
      expect(await waitingIds()).toEqual(['m3', 'm4']);
    });

    test('is told to a consumer that may take nothing', async () => {
      const [one, other] = [await join(running(1)), await join(running(1))];
      await push(2);
      await exchange(one, 1);
      const { taken, limited, isCut } = await exchange(other, 10);
      expect({ taken, limited, isCut }).toEqual({
        taken: [],
        limited: UNTIL_WOKEN,
        isCut: false,
      });
    });

    test('is none where nothing waits for it', async () => {
      const lease = await join(running(2));
      await push(2);
      expect((await exchange(lease, 5)).limited).toBeUndefined();
      expect((await exchange(lease, 5)).limited).toBeUndefined();
    });

    test('gives the place of a settled message to whoever settles it', async () => {
      const lease = await join(running(2));
      await push(3);
      const { taken } = await exchange(lease, 2);
      expect(ids((await exchange(lease, 1, done(taken.slice(0, 1)))).taken)).toEqual(['m2']);
    });

    test('has places that a consumer leaves free offered to the others', async () => {
      const one = await join(running(1));
      const { lease: other, news } = await joinElsewhere(running(1));
      await push(2);
      const { taken } = await exchange(one, 1);
      expect((await exchange(other, 1)).taken).toEqual([]);
      await exchange(one, 0, done(taken));
      await eventually(() => expect(news).toEqual(['look']));
      expect(ids((await exchange(other, 1)).taken)).toEqual(['m1']);
    });

    test('offers none where nothing waits', async () => {
      const one = await join(running(1));
      const { news } = await joinElsewhere(running(1));
      await push(1);
      await exchange(one, 0, done((await exchange(one, 1)).taken));
      await push(1, 1);
      const { taken } = await exchange(one, 1);
      expect(ids(taken)).toEqual(['m1']);
      expect(news).toEqual([]);
    });

    test('counts what a dead consumer held until that is reclaimed', async () => {
      const [dead, alive] = [await join(running(2)), await join(running(2))];
      await push(3);
      await exchange(dead, 2);
      await world.endLease(QUEUE, dead.consumer);
      world.expectFenced();
      expect((await exchange(alive, 2)).taken).toEqual([]);
      await alive.reclaim(dead.consumer, ENDED_MS);
      expect(ids((await exchange(alive, 2)).taken)).toEqual(['m2']);
    });

    test('frees the places of a consumer that leaves, and tells the others', async () => {
      const one = await join(running(1));
      const { lease: other, news } = await joinElsewhere(running(1));
      await push(1);
      await exchange(one, 1);
      await one.leave();
      await eventually(() => expect(news).toEqual(['look']));
      expect(ids((await exchange(other, 1)).taken)).toEqual(['m0']);
    });

    test('counts suspects that run, and leaves a place to the consumer that has the trial', async () => {
      const [tester, other] = [await join(running(2)), await join(running(2))];
      await push(3);
      const held = (await exchange(other, 2)).taken;
      await world.pushSuspects(QUEUE, '{"rq":1,"crashes":1,"attempt":2,"id":"suspect"}\n{}');
      await exchange(tester, 0, [], 'claim');
      const refused = await exchange(tester, 0, [], 'next');
      expect(refused).toMatchObject({ suspects: 'mine', taken: [], limited: UNTIL_WOKEN });
      // The place that it has settled is not its own.
      expect((await exchange(other, 1, done(held.slice(0, 1)))).taken).toEqual([]);
      expect(ids((await exchange(tester, 0, [], 'next')).taken)).toEqual(['suspect']);
      expect(heldIn(await world.dump(QUEUE))).toBe(2);
      await world.dropSuspects(QUEUE);
    });

    test('holds for what comes while a consumer waits', async () => {
      const [one, other] = [await join(running(1)), await join(running(1))];
      const waits = [one, other].map((lease) => lease.wait(NEVER));
      await eventually(async () => expect(await world.countWaits()).toBe(2));
      await push(2);
      const answers = await Promise.all(waits);
      expect(answers.filter((answer) => Buffer.isBuffer(answer))).toHaveLength(1);
      expect(answers).toContainEqual(UNTIL_WOKEN);
      expect(await waitingIds()).toHaveLength(1);
    });

    test('holds for what a wait brings that has not noticed a pause', async () => {
      const [one, other] = [await join(running(1)), await join(running(1))];
      await push(1);
      await exchange(one, 1);
      const wait = other.wait(NEVER);
      await eventually(async () => expect(await world.countWaits()).toBe(1));
      await admin.setPaused(QUEUE, true);
      await push(1, 1);
      expect(await wait).toEqual(UNTIL_WOKEN);
      expect(await waitingIds()).toEqual(['m1']);
    });

    test('keeps the place of a message that must wait', async () => {
      const [one, other] = [await join(running(1)), await join(running(1))];
      await push(1);
      await exchange(one, 1);
      const wait = other.wait(NEVER);
      await eventually(async () => expect(await world.countWaits()).toBe(1));
      await push(2, 1);
      expect(await wait).toEqual(UNTIL_WOKEN);
      expect(await waitingIds()).toEqual(['m1', 'm2']);
    });

    test('counts what consumers without it hold', async () => {
      const [free, limited] = [await join(undefined), await join(running(2))];
      await push(4);
      expect((await exchange(free, 3)).taken).toHaveLength(3);
      expect((await exchange(limited, 1)).taken).toEqual([]);
    });
  });

  describe('a limit of what starts in a time', () => {
    test('lets a tenth of it start at once, for all consumers together', async () => {
      const limit = rate(30, 3_600_000);
      const [one, other] = [await join(limit), await join(limit)];
      await push(5);
      expect((await exchange(one, 2)).taken).toHaveLength(2);
      const { taken, limited } = await exchange(other, 3);
      expect(taken).toHaveLength(1);
      // The next one in a thirtieth of an hour, which has passed in part.
      expect(limited?.inMs).toBeGreaterThan(100_000);
      expect(limited?.inMs).toBeLessThanOrEqual(120_000);
      expect(limited?.isSlowed).toBe(false);
    });

    test('lets one start at a time if it is low', async () => {
      const lease = await join(rate(2, 3_600_000));
      await push(2);
      expect((await exchange(lease, 2)).taken).toHaveLength(1);
      expect((await exchange(lease, 2)).taken).toEqual([]);
    });

    test('lets the next start when its time has come, and says when', async () => {
      const lease = await join(rate(1, 60));
      await push(2);
      const { taken, limited } = await exchange(lease, 2);
      expect(ids(taken)).toEqual(['m0']);
      expect(limited?.inMs).toBeLessThanOrEqual(60);
      await eventually(async () => {
        expect(ids((await exchange(lease, 1)).taken)).toEqual(['m1']);
      });
    });

    test('counts attempts, whatever becomes of them', async () => {
      const lease = await join(rate(2, 3_600_000));
      await push(1);
      const { taken } = await exchange(lease, 1);
      const settlements = taken.map((one) => ({ kind: 'release', element: one }) as const);
      const { taken: again, limited } = await exchange(lease, 1, settlements);
      expect(again).toEqual([]);
      expect(limited?.inMs).toBeGreaterThan(0);
    });

    test('holds for what comes while a consumer waits', async () => {
      const lease = await join(rate(2, 3_600_000));
      const wait = lease.wait(NEVER);
      await eventually(async () => expect(await world.countWaits()).toBe(1));
      await push(1);
      expect(ids([await brought(wait)])).toEqual(['m0']);
      const next = lease.wait(NEVER);
      await push(1, 1);
      expect(await next).toMatchObject({ isSlowed: false });
      expect(await waitingIds()).toEqual(['m1']);
    });

    test('does not hold a message for longer than a lower limit that was given up', async () => {
      const slow = await join(rate(1, 3_600_000));
      await push(2);
      await exchange(slow, 1);
      const fast = await join(rate(1_000, 1_000));
      await eventually(async () => {
        expect(ids((await exchange(fast, 1)).taken)).toEqual(['m1']);
      });
    });

    test('and one of what runs hold together', async () => {
      const lease = await join({ running: 2, rate: 1_000, perMs: 3_600_000 });
      await push(3);
      expect((await exchange(lease, 5)).taken).toHaveLength(2);
      const low = await join({ running: 5, rate: 1, perMs: 3_600_000 });
      expect((await exchange(low, 5)).taken).toEqual([]);
    });
  });

  describe('a queue that was slowed down', () => {
    async function slowDown(lease: Lease, taken: readonly Buffer[], ms: number): Promise<Exchange> {
      const settlements = taken.map((one): Settlement => {
        const replacement = withNextAttempt(one, 'new', 1);
        return { kind: 'retry', element: one, replacement, delayMs: ms, slowsQueue: true };
      });
      return exchange(lease, 10, settlements);
    }

    test('hands out nothing, to any consumer, limited or not', async () => {
      const [one, other] = [await join(undefined), await join(running(9))];
      await push(3);
      const { taken } = await exchange(one, 1);
      const slowed = await slowDown(one, taken, 3_600_000);
      expect(slowed).toMatchObject({ taken: [], limited: { isSlowed: true } });
      const { taken: none, limited } = await exchange(other, 5);
      expect(none).toEqual([]);
      expect(limited?.isSlowed).toBe(true);
      expect(limited?.inMs).toBeGreaterThan(3_500_000);
      expect(limited?.inMs).toBeLessThanOrEqual(3_600_000);
    });

    test('tells that to a consumer that asks for nothing', async () => {
      const lease = await join(undefined);
      await push(1);
      await slowDown(lease, (await exchange(lease, 1)).taken, 3_600_000);
      expect((await exchange(lease, 0)).limited?.isSlowed).toBe(true);
    });

    test('tells that to the others', async () => {
      const one = await join(undefined);
      const { news } = await joinElsewhere(running(1));
      await push(1);
      await slowDown(one, (await exchange(one, 1)).taken, 3_600_000);
      await eventually(() => expect(news).toContain('slowed'));
    });

    test('hands out the message that slowed it down first, once the time is over', async () => {
      const lease = await join(undefined);
      await push(3);
      await slowDown(lease, (await exchange(lease, 1)).taken, 50);
      await eventually(async () => {
        expect(ids((await exchange(lease, 3)).taken)).toEqual(['m0', 'm1', 'm2']);
      });
    });

    test('is slowed down until the latest of several times', async () => {
      const lease = await join(undefined);
      await push(2);
      const { taken } = await exchange(lease, 2);
      await slowDown(lease, taken.slice(0, 1), 3_600_000);
      const { limited } = await slowDown(lease, taken.slice(1), 1);
      expect(limited?.inMs).toBeGreaterThan(3_500_000);
    });

    test('keeps the right to run suspects also while it is paused', async () => {
      const lease = await join(undefined);
      await push(1);
      const { taken } = await exchange(lease, 1);
      await world.pushSuspects(QUEUE, '{"rq":1,"crashes":1,"attempt":2,"id":"suspect"}\n{}');
      await exchange(lease, 0, [], 'claim');
      await slowDown(lease, taken, 3_600_000);
      await admin.setPaused(QUEUE, true);
      expect(await exchange(lease, 0, [], 'next')).toMatchObject({ suspects: 'mine', taken: [] });
      await world.dropSuspects(QUEUE);
    });

    test('lets a limited consumer that waits take nothing', async () => {
      const [one, other] = [await join(undefined), await join(running(9))];
      await push(1);
      const { taken } = await exchange(one, 1);
      const wait = other.wait(NEVER);
      await eventually(async () => expect(await world.countWaits()).toBe(1));
      await slowDown(one, taken, 3_600_000);
      await push(1, 1);
      expect(await wait).toMatchObject({ isSlowed: true });
      expect(await waitingIds()).toEqual(['m1']);
    });

    test('keeps the right to run suspects meanwhile', async () => {
      const lease = await join(undefined);
      await push(1);
      const { taken } = await exchange(lease, 1);
      await world.pushSuspects(QUEUE, '{"rq":1,"crashes":1,"attempt":2,"id":"suspect"}\n{}');
      await exchange(lease, 0, [], 'claim');
      await slowDown(lease, taken, 3_600_000);
      const reply = await exchange(lease, 0, [], 'next');
      expect(reply).toMatchObject({ suspects: 'mine', taken: [], limited: { isSlowed: true } });
      await world.dropSuspects(QUEUE);
    });
  });
}
