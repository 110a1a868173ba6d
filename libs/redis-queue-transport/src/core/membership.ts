import { performance } from 'node:perf_hooks';
import type { Lease } from './broker.js';
import { LeaseKeeper } from './lease-keeper.js';
import type { LeaseKeeperEvents } from './lease-keeper.js';
import { GrowingPause } from './pause.js';
import type { KeptLease } from './start-gate.js';

export interface MembershipEvents extends Omit<LeaseKeeperEvents, 'lost'> {
  /** Everything that this lease held belongs to others now. Another lease follows by itself. */
  lost(lease: Lease): void;
  /** It holds a new lease after one that was lost. */
  rejoined(): void;
}

/** A consumer's place in its queue: takes a lease, keeps it, and takes another one when it is lost. */
export class Membership implements KeptLease {
  #lease: Lease | undefined;
  #keeper: LeaseKeeper | undefined;
  #rejoining: Promise<void> = Promise.resolve();
  #isLast = false;
  readonly #left = new AbortController();

  constructor(
    private readonly takeLease: () => Promise<Lease>,
    private readonly leaseMs: number,
    private readonly events: MembershipEvents,
  ) {}

  /** Undefined before it joined, and between a lost lease and the next. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  /** False when the lease may have ended unnoticed; then see {@link makeSure}. */
  get isSure(): boolean {
    return this.#keeper?.isSure ?? false;
  }

  /** By `performance.now()`. Past where there is no lease. */
  get sureUntil(): number {
    return this.#keeper?.sureUntil ?? 0;
  }

  async join(): Promise<void> {
    const askedAt = performance.now();
    const lease = await this.takeLease();
    this.#lease = lease;
    this.#keeper = new LeaseKeeper(lease, this.leaseMs, askedAt, {
      lost: () => this.lose(lease),
      reclaimed: (consumer, deliveries) => this.events.reclaimed(consumer, deliveries),
      deadLettersDropped: (letters) => this.events.deadLettersDropped(letters),
      failed: (error) => this.events.failed(error),
    });
    this.#keeper.start();
  }

  /** Asks Redis, as long as it takes, whether the lease is still held. What it finds shows in {@link lease}. */
  async makeSure(): Promise<void> {
    await this.#keeper?.makeSure();
  }

  /** No lease after this one. */
  keepLast(): void {
    this.#isLast = true;
  }

  lose(lease: Lease): void {
    if (lease !== this.#lease) return;
    const keeper = this.#keeper;
    this.#lease = undefined;
    this.events.lost(lease);
    this.#rejoining = this.#rejoining.then(() => this.#rejoin(lease, keeper));
  }

  /** Hands back what the lease holds, and ends it. */
  async leave(): Promise<void> {
    this.#left.abort();
    await this.#rejoining;
    await this.#keeper?.stop();
    await this.#lease?.leave().catch((error: unknown) => this.events.failed(error));
  }

  /**
   * Also when no lease is to follow: what a late wait of the lost one received must not stay with it. By the time that
   * its turn has come, the current lease may be a later one, with a keeper that goes on.
   */
  async #rejoin(lost: Lease, keeper: LeaseKeeper | undefined): Promise<void> {
    await keeper?.stop();
    const between = new GrowingPause();
    for (;;) {
      try {
        if (this.#lease === undefined && !this.#isLast) await this.join();
        await lost.leave();
        break;
      } catch (error) {
        this.events.failed(error);
        if (this.#left.signal.aborted) break;
        await between.wait(this.#left.signal);
      }
    }
    this.events.rejoined();
  }
}
