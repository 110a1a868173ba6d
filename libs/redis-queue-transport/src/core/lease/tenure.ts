import type { Lease } from '../broker/lease.js';
import { LeaseKeeper } from './lease-keeper.js';
import type { LeaseKeeperEvents } from './lease-keeper.js';
import type { KeptLease } from './start-gate.js';
import type { Runtime } from '../process/runtime.js';

/**
 * A consumer's time under one lease, from taking it to losing it. What the consumer took in a tenure counts until the
 * tenure is over, and then belongs to others.
 */
export class Tenure implements KeptLease {
  readonly #keeper: LeaseKeeper;
  #isOver = false;

  /** @param takenAt when the lease was requested, by `Runtime.now` */
  constructor(
    readonly lease: Lease,
    leaseMs: number,
    takenAt: number,
    events: LeaseKeeperEvents,
    runtime: Runtime,
  ) {
    this.#keeper = new LeaseKeeper(lease, leaseMs, takenAt, events, runtime);
  }

  /** Its lease was lost. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends it. False if it was already over. */
  end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    return true;
  }

  get isSure(): boolean {
    return this.#keeper.isSure;
  }

  makeSure(): Promise<void> {
    return this.#keeper.makeSure();
  }

  /** Starts renewing the lease. */
  keep(): void {
    this.#keeper.start();
  }

  /** Stops renewing the lease. */
  stopKeeping(): Promise<void> {
    return this.#keeper.stop();
  }
}
