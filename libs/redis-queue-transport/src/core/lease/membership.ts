import { performance } from 'node:perf_hooks';
import type { Lease } from '../broker/broker.js';
import type { LeaseKeeperEvents } from './lease-keeper.js';
import { retryUntilStopped } from '../process/until-stopped.js';
import type { KeptLease } from './start-gate.js';
import { Tenure } from './tenure.js';

export interface MembershipEvents extends Omit<LeaseKeeperEvents, 'lost'> {
  /** Everything that was taken in this tenure belongs to others now. Another one follows by itself. */
  lost(tenure: Tenure): void;
  /** It holds a new lease after one that was lost. */
  rejoined(): void;
}

/** A consumer's place in its queue: takes a lease, keeps it, and takes another one when it is lost. */
export class Membership implements KeptLease {
  /** The last one; it may be over. */
  #tenure: Tenure | undefined;
  #rejoining: Promise<void> = Promise.resolve();
  #isLast = false;
  readonly #left = new AbortController();

  constructor(
    private readonly takeLease: () => Promise<Lease>,
    private readonly leaseMs: number,
    private readonly events: MembershipEvents,
  ) {}

  /** Undefined before it joined, and between a lost lease and the next. */
  get tenure(): Tenure | undefined {
    return this.#tenure?.isOver === true ? undefined : this.#tenure;
  }

  /** False when the lease may have ended unnoticed; then see {@link makeSure}. */
  get isSure(): boolean {
    return this.#tenure?.isSure ?? false;
  }

  /** By `performance.now()`. Past where there is no lease. */
  get sureUntil(): number {
    return this.#tenure?.sureUntil ?? 0;
  }

  async join(): Promise<void> {
    const askedAt = performance.now();
    const lease = await this.takeLease();
    const tenure = new Tenure(lease, this.leaseMs, askedAt, {
      lost: () => this.lose(tenure),
      reclaimed: (consumer, deliveries) => this.events.reclaimed(consumer, deliveries),
      deadLettersDropped: (letters) => this.events.deadLettersDropped(letters),
      failed: (error) => this.events.failed(error),
    });
    this.#tenure = tenure;
    tenure.keep();
  }

  /** Asks Redis, as long as it takes, whether the lease is still held. What it finds shows in {@link tenure}. */
  async makeSure(): Promise<void> {
    await this.#tenure?.makeSure();
  }

  /** No lease after this one. */
  keepLast(): void {
    this.#isLast = true;
  }

  /** Its lease is lost. May be told more than once. */
  lose(tenure: Tenure): void {
    if (!tenure.end()) return;
    this.events.lost(tenure);
    this.#rejoining = this.#rejoining.then(() => this.#rejoin(tenure));
  }

  /** Hands back what the lease holds, and ends it. */
  async leave(): Promise<void> {
    this.#left.abort();
    await this.#rejoining;
    await this.#tenure?.stopKeeping();
    await this.tenure?.lease.leave().catch((error: unknown) => this.events.failed(error));
  }

  /**
   * Also when no lease is to follow: what a late wait of the lost one received must not stay with it. By the time that
   * its turn has come, there may be a later tenure, which goes on.
   */
  async #rejoin(lost: Tenure): Promise<void> {
    await lost.stopKeeping();
    const rejoin = async (): Promise<void> => {
      if (this.tenure === undefined && !this.#isLast) await this.join();
      await lost.lease.leave();
    };
    await retryUntilStopped(rejoin, this.#left.signal, (error) => this.events.failed(error));
    this.events.rejoined();
  }
}
