import { expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { RedisUnavailableError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { Membership } from '../../libs/redis-queue-transport/src/core/lease/membership.js';
import type { MembershipEvents } from '../../libs/redis-queue-transport/src/core/lease/membership.js';
import type { Tenure } from '../../libs/redis-queue-transport/src/core/lease/tenure.js';
import { nodeRuntime } from '../../libs/redis-queue-transport/src/core/process/node-runtime.js';
import { eventually } from '../support/eventually.js';
import { Stopwatch } from '../support/stopwatch.js';
import type { QueueWorld } from './broker-world.js';

const QUEUE = 'q';
const LEASE_MS = 1_000;
const TERMS = {
  leaseMs: LEASE_MS,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 0,
  waitMs: 300,
};

/** A membership with real leases. The test can keep one of them from being left for a while. */
class Stage {
  readonly membership: Membership;
  readonly leases: Lease[] = [];
  rejoined = 0;
  cannotLeave: Lease | undefined;
  isAway = false;
  failed = 0;

  constructor(
    world: QueueWorld,
    private readonly broker: Broker,
    leaseMs = LEASE_MS,
  ) {
    const events: MembershipEvents = {
      lost: () => undefined,
      rejoined: () => {
        this.rejoined += 1;
      },
      reclaimed: () => undefined,
      deadLettersDropped: () => undefined,
      failed: () => {
        this.failed += 1;
      },
    };
    this.membership = new Membership(() => this.#takeLease(), leaseMs, events, nodeRuntime);
    world.closeLater({ close: () => this.membership.leave() });
  }

  async #takeLease(): Promise<Lease> {
    const lease = await this.broker.join(QUEUE, TERMS, () => undefined);
    const leave = lease.leave.bind(lease);
    lease.leave = async () => {
      if (this.cannotLeave === lease) throw new RedisUnavailableError('away');
      await leave();
    };
    const renew = lease.renew.bind(lease);
    lease.renew = async () => {
      if (this.isAway) throw new RedisUnavailableError('away');
      return renew();
    };
    this.leases.push(lease);
    return lease;
  }

  async current(number: number): Promise<Tenure> {
    return eventually(() => {
      const lease = this.leases[number - 1];
      expect(lease).toBeDefined();
      const { tenure } = this.membership;
      expect(tenure?.lease).toBe(lease);
      return tenure!;
    });
  }
}

/** How a membership keeps the leases of a broker. To be called within a `describe`. */
export function membershipContract(world: QueueWorld): void {
  async function leaseEnd({ consumer }: Lease): Promise<number> {
    return (await world.leaseEnds(QUEUE)).get(consumer) ?? NaN;
  }

  test('keeps its new lease after two before it were lost in a row', async () => {
    const stage = new Stage(world, await world.open());
    await stage.membership.join();
    const first = await stage.current(1);
    stage.cannotLeave = first.lease;
    stage.membership.lose(first);
    // The second is lost while the first still waits to be left.
    stage.membership.lose(await stage.current(2));
    const third = await stage.current(3);
    stage.cannotLeave = undefined;
    await eventually(() => expect(stage.rejoined).toBe(2));
    const before = await leaseEnd(third.lease);
    await eventually(
      async () => expect(await leaseEnd(third.lease)).toBeGreaterThan(before),
      5_000,
    );
  });

  test('tries again soon if a lease cannot be renewed, since little of it is left', async () => {
    const leaseMs = 3_000;
    const stage = new Stage(world, await world.open(), leaseMs);
    stage.isAway = true;
    await stage.membership.join();
    const { lease } = await stage.current(1);
    const before = await leaseEnd(lease);

    // The first try comes after a third of the lease. The others do not wait for the next two thirds.
    const watch = Stopwatch.start();
    await eventually(() => expect(stage.failed).toBeGreaterThanOrEqual(3));
    watch.expectAtMost(0.6 * leaseMs);
    stage.isAway = false;

    await eventually(async () => expect(await leaseEnd(lease)).toBeGreaterThan(before));
  });
}
