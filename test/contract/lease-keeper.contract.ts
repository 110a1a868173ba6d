import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease, LeaseTerms } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { LeaseKeeper } from '../../libs/redis-queue-transport/src/core/lease/lease-keeper.js';
import type { LeaseKeeperEvents } from '../../libs/redis-queue-transport/src/core/lease/lease-keeper.js';
import { nodeRuntime } from '../../libs/redis-queue-transport/src/core/process/node-runtime.js';
import { pause } from '../../libs/redis-queue-transport/src/core/process/pause.js';
import { eventually } from '../support/eventually.js';
import { counts, element } from './elements.js';
import type { QueueWorld } from './broker-world.js';

export const QUEUE = 'q';
export const LEASE_MS = 1_000;
const TERMS: LeaseTerms = {
  leaseMs: LEASE_MS,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 0,
  waitMs: 300,
};
const NEVER = new AbortController().signal;

/** A lease with its keeper, and a record of what the keeper reported. */
export class Kept {
  readonly reclaimed: string[] = [];
  readonly failures: unknown[] = [];
  losses = 0;
  renewals = 0;
  readonly keeper: LeaseKeeper;

  private constructor(
    world: QueueWorld,
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
    world.closeLater({ close: () => lease.leave() });
    world.closeLater({ close: () => this.keeper.stop() });
    this.keeper.start();
  }

  /** @param tripMs how long each renewal is under way */
  static async start(world: QueueWorld, broker: Broker, tripMs = 0): Promise<Kept> {
    return new Kept(world, await broker.join(QUEUE, TERMS, () => undefined), tripMs);
  }
}

/** A consumer that took a message and no longer renews its lease. */
export async function deadHoldingOn(broker: Broker, id: string): Promise<Lease> {
  await broker.push(QUEUE, id, element(id));
  const lease = await broker.join(QUEUE, TERMS, () => undefined);
  await lease.exchange([], 1);
  return lease;
}

/** How a lease keeper keeps the leases of a broker. To be called within a `describe`. */
export function leaseKeeperContract(world: QueueWorld): void {
  let broker: Broker;

  beforeEach(async () => {
    broker = await world.open();
    world.expectFenced();
  });

  function deadHolding(id: string): Promise<Lease> {
    return deadHoldingOn(broker, id);
  }

  describe('a lease keeper', () => {
    test('takes back what a dead consumer held once its lease has ended, and not before', async () => {
      const { reclaimed } = await Kept.start(world, broker);
      const dead = await deadHolding('a');
      const tookAt = broker.nowMs();
      await eventually(() => expect(reclaimed).toEqual([`${dead.consumer} 1`]));
      expect(broker.nowMs() - tookAt).toBeGreaterThanOrEqual(LEASE_MS - 50);
      expect(counts((await world.dump(QUEUE)).suspects)).toEqual(['a 2/1']);
    });

    test('takes back what a dead consumer held even if its own renewals are always late', async () => {
      const { reclaimed } = await Kept.start(world, broker, 0.25 * LEASE_MS);
      const dead = await deadHolding('a');
      await eventually(() => expect(reclaimed).toEqual([`${dead.consumer} 1`]));
    });

    test('renews in time while it takes much back', async () => {
      const kept = await Kept.start(world, broker);
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
}
