import type { Lease } from '../broker/broker.js';
import { LeaseKeeper } from './lease-keeper.js';
import type { LeaseKeeperEvents } from './lease-keeper.js';
import type { KeptLease } from './start-gate.js';

/**
 * A consumer's time under one lease, from taking it to losing it. What the consumer took in a tenure counts until that
 * tenure is over; from then on it belongs to others.
 */
export class Tenure implements KeptLease {
  readonly #keeper: LeaseKeeper;
  #isOver = false;

  /** @param takenAt when the lease was asked for, by `performance.now()` */
  constructor(
    readonly lease: Lease,
    leaseMs: number,
    takenAt: number,
    events: LeaseKeeperEvents,
  ) {
    this.#keeper = new LeaseKeeper(lease, leaseMs, takenAt, events);
  }

  /** Its lease was lost. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends it. False when it was over before. */
  end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    return true;
  }

  get isSure(): boolean {
    return this.#keeper.isSure;
  }

  get sureUntil(): number {
    return this.#keeper.sureUntil;
  }

  makeSure(): Promise<void> {
    return this.#keeper.makeSure();
  }

  /** Begins to renew the lease. */
  keep(): void {
    this.#keeper.start();
  }

  /** Renews it no more. */
  stopKeeping(): Promise<void> {
    return this.#keeper.stop();
  }
}
