import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease, LeaseTerms } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { RedisRefusedError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { LeaseKeeper } from '../../libs/redis-queue-transport/src/core/lease/lease-keeper.js';
import type { LeaseKeeperEvents } from '../../libs/redis-queue-transport/src/core/lease/lease-keeper.js';
import { nodeRuntime } from '../../libs/redis-queue-transport/src/core/process/node-runtime.js';
import { pause } from '../../libs/redis-queue-transport/src/core/process/pause.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { counts, element } from './elements.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const QUEUE = 'q';
const LEASE_MS = 1_000;
const TERMS: LeaseTerms = {
  leaseMs: LEASE_MS,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 0,
  waitMs: 300,
};
const NEVER = new AbortController().signal;

let broker: Broker;

beforeEach(async () => {
  broker = await world.open();
  world.expectFenced();
});

/** A lease with its keeper, and a record of what the keeper reported. */
class Kept {
  readonly reclaimed: string[] = [];
  readonly failures: unknown[] = [];
  losses = 0;
  renewals = 0;
  readonly keeper: LeaseKeeper;

  private constructor(
    readonly lease: Lease,
    tripMs: number,
  ) {
    const renew = lease.renew.bind(lease);
    lease.renew = async () => {
      this.renewals += 1;
      await pause(tripMs, NEVER, nodeRuntime);
      return renew();
    };
    const events: LeaseKeeperEvents = {
      lost: () => (this.losses += 1),
      deadLettersDropped: () => undefined,
      reclaimed: (consumer, deliveries) => this.reclaimed.push(`${consumer} ${deliveries}`),
      failed: (error) => this.failures.push(error),
    };
    this.keeper = new LeaseKeeper(lease, LEASE_MS, nodeRuntime.now(), events, nodeRuntime);
    rig.closeLater({ close: () => lease.leave() });
    rig.closeLater({ close: () => this.keeper.stop() });
    this.keeper.start();
  }

  /** @param tripMs how long each renewal is under way */
  static async start(tripMs = 0): Promise<Kept> {
    return new Kept(await broker.join(QUEUE, TERMS, () => undefined), tripMs);
  }
}

/** A consumer that took a message and no longer renews its lease. */
async function deadHolding(id: string): Promise<Lease> {
  await broker.push(QUEUE, id, element(id));
  const lease = await broker.join(QUEUE, TERMS, () => undefined);
  await lease.exchange([], 1);
  return lease;
}

describe('a lease keeper', () => {
  test('takes back what a dead consumer held once its lease has ended, and not before', async () => {
    const { reclaimed } = await Kept.start();
    const dead = await deadHolding('a');
    const tookAt = broker.nowMs();
    await eventually(() => expect(reclaimed).toEqual([`${dead.consumer} 1`]));
    expect(broker.nowMs() - tookAt).toBeGreaterThanOrEqual(LEASE_MS - 50);
    expect(counts((await world.dump(QUEUE)).suspects)).toEqual(['a 2/1']);
  });

  test('takes back from the others if it fails for one, reports why, and keeps renewing', async () => {
    const kept = await Kept.start();
    const [odd, dead] = [await deadHolding('a'), await deadHolding('b')];
    const oddList = world.key(QUEUE, `processing:${odd.consumer}`);
    await rig.commands.set(oddList, 'no list');
    await world.endLease(QUEUE, odd.consumer);

    await eventually(() => expect(kept.reclaimed).toEqual([`${dead.consumer} 1`]));

    const { renewals } = kept;
    await eventually(() => expect(kept.renewals).toBeGreaterThan(renewals + 3));
    expect(kept.failures.length).toBeGreaterThan(0);
    for (const failure of kept.failures) expect(failure).toBeInstanceOf(RedisRefusedError);
    expect(kept.losses).toBe(0);
    await rig.commands.del(oddList);
    await odd.leave();
  });

  test('takes back what a dead consumer held even if its own renewals are always late', async () => {
    const { reclaimed } = await Kept.start(0.25 * LEASE_MS);
    const dead = await deadHolding('a');
    await eventually(() => expect(reclaimed).toEqual([`${dead.consumer} 1`]));
  });

  test('costs little beside many dead consumers, and finds what a late command took for each of them', async () => {
    const names = Array.from({ length: 1_500 }, (_, index) => `dead${index}`);
    await world.fence(QUEUE, ...names);
    const kept = await Promise.all(Array.from({ length: 10 }, () => Kept.start()));
    const renewals = (): number => kept.reduce((sum, each) => sum + each.renewals, 0);
    const before = [await scriptCalls(), renewals()] as const;
    for (const [id, consumer] of [
      ['a', names[0]!],
      ['b', names.at(-1)!],
    ] as const) {
      await broker.push(QUEUE, id, element(id));
      await world.lateTake(QUEUE, consumer);
    }
    await eventually(async () =>
      expect(counts((await world.dump(QUEUE)).waiting).sort()).toEqual(['a 1/0', 'b 1/0']),
    );
    await eventually(() => expect(renewals() - before[1]).toBeGreaterThan(100));
    const looks = renewals() - before[1];
    expect((await scriptCalls()) - before[0]).toBeLessThan(2 * looks);
    for (const { losses } of kept) expect(losses).toBe(0);
  });

  test('renews in time while it takes much back', async () => {
    const kept = await Kept.start();
    const reclaim = kept.lease.reclaim.bind(kept.lease);
    kept.lease.reclaim = async (...seen) => {
      await pause(LEASE_MS, NEVER, nodeRuntime);
      return reclaim(...seen);
    };
    const dead = [await deadHolding('a'), await deadHolding('b'), await deadHolding('c')];
    await eventually(() => expect(kept.reclaimed).toHaveLength(dead.length));
    expect(kept.keeper.isSure).toBe(true);
    expect(kept.renewals).toBeGreaterThan(2 * dead.length);
    expect(kept.losses).toBe(0);
  });
});

async function scriptCalls(): Promise<number> {
  const calls = (await rig.commands.info('commandstats')).matchAll(
    /cmdstat_eval(?:sha)?:calls=(\d+)/g,
  );
  return [...calls].reduce((sum, [, count]) => sum + Number(count), 0);
}
