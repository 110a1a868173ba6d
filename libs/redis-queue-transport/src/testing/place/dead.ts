import type { AdminBroker } from '../../core/admin/admin-broker.js';
import type { Lease } from '../../core/broker/lease.js';
import type { WatchedLease } from './watched-lease.js';

/** Leases that ended by a simulated crash, until somebody has taken back what they held. */
export class Dead {
  readonly #leases = new Set<WatchedLease>();

  constructor(private readonly admin: AdminBroker) {}

  add(lease: WatchedLease): void {
    this.#leases.add(lease);
  }

  /**
   * The next consumer of the queue takes back at once what the dead held. Elsewhere that takes as long as a lease: others
   * cannot know of a death, and the kit does.
   */
  async takeOver(queue: string, heir: Lease): Promise<void> {
    for (const lease of [...this.#leases].filter((dead) => dead.queue === queue)) {
      this.#leases.delete(lease);
      await lease.silence();
      const consumers = await this.admin.consumers(queue);
      const { leaseEndsAt } = consumers.find(({ name }) => name === lease.consumer) ?? {};
      if (leaseEndsAt !== undefined) await heir.reclaim(lease.consumer, leaseEndsAt.getTime());
    }
  }
}
