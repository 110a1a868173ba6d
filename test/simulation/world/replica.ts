import type { Store } from '../../../libs/redis-queue-transport/src/memory/store/store.js';
import { knownMessages } from '../check/failovers.js';
import type { Failovers } from '../check/failovers.js';
import type { CheckedRun } from '../check/checked-run.js';
import type { LeaseWatch } from '../check/lease-watch.js';
import type { MessageRecord } from '../check/ledger.js';
import type { QueueWatch } from '../check/queue-watch.js';
import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';

/** The run whose store a replica follows. */
export interface FollowedRun extends CheckedRun {
  readonly store: Store;
  readonly leases: LeaseWatch;
  readonly watches: ReadonlyMap<string, QueueWatch>;
  queue(name: string): StoredQueue;
}

/** A replica that gets nothing more: the store as it was when this was made. */
export class Replica {
  readonly #restore: () => void;
  readonly #restoreLeases: () => void;
  readonly #known: ReadonlySet<MessageRecord>;

  constructor(private readonly run: FollowedRun) {
    this.#restore = run.store.remember();
    this.#restoreLeases = run.leases.remember();
    this.#known = knownMessages(run);
  }

  /** It becomes the primary. Those who have waited get no answer, and those who listen must have ended that. */
  takeOver(failovers: Failovers): void {
    this.#restore();
    this.#restoreLeases();
    failovers.tookOver(this.#known);
    for (const [name, watch] of this.run.watches) watch.tookOver(this.run.queue(name));
  }
}
