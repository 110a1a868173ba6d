import type { Lease } from '../broker/lease.js';
import type { LeaseKeeperEvents } from './lease-keeper.js';
import { retryUntilStopped } from '../process/until-stopped.js';
import type { KeptLease } from './start-gate.js';
import { Tenure } from './tenure.js';
import type { Runtime } from '../process/runtime.js';

export interface MembershipEvents extends Omit<LeaseKeeperEvents, 'lost'> {
  /** Everything taken in this tenure now belongs to others. The next tenure follows by itself. */
  lost(tenure: Tenure): void;
  /** It holds a new lease after one that was lost. */
  rejoined(): void;
}

/** A consumer's membership in its queue: takes a lease, keeps it, and takes a new one if it is lost. */
export class Membership implements KeptLease {
  /** The latest tenure; it may be over. */
  #tenure: Tenure | undefined;
  /** When the latest lost tenure was lost, by `Runtime.now`. */
  #lostAt = 0;
  #rejoining: Promise<void> = Promise.resolve();
  #isLast = false;
  readonly #left = new AbortController();

  constructor(
    private readonly takeLease: () => Promise<Lease>,
    private readonly leaseMs: number,
    private readonly events: MembershipEvents,
    private readonly runtime: Runtime,
  ) {}

  /** Undefined before joining, and between a lost lease and the next one. */
  get tenure(): Tenure | undefined {
    return this.#tenure?.isOver === true ? undefined : this.#tenure;
  }

  /** For how long, in ms, a lost lease has had no successor; undefined if it has one, or if none follows. */
  get lostForMs(): number | undefined {
    const isLost = this.#tenure?.isOver === true && !this.#isLast;
    return isLost ? this.runtime.now() - this.#lostAt : undefined;
  }

  /** False if the lease may have ended unnoticed; then call {@link makeSure}. */
  get isSure(): boolean {
    return this.#tenure?.isSure ?? false;
  }

  async join(): Promise<void> {
    const askedAt = this.runtime.now();
    const lease = await this.takeLease();
    const events: LeaseKeeperEvents = {
      lost: () => this.lose(tenure),
      reclaimed: (consumer, deliveries) => this.events.reclaimed(consumer, deliveries),
      deadLettersDropped: (letters) => this.events.deadLettersDropped(letters),
      unkeyed: () => this.events.unkeyed?.(),
      failed: (error) => this.events.failed(error),
    };
    const tenure = new Tenure(lease, this.leaseMs, askedAt, events, this.runtime);
    this.#tenure = tenure;
    tenure.keep();
  }

  /** Asks Redis, as long as it takes, whether the lease is still held. {@link tenure} shows the result. */
  async makeSure(): Promise<void> {
    await this.#tenure?.makeSure();
  }

  /** No lease follows this one. */
  keepLast(): void {
    this.#isLast = true;
  }

  /** Its lease is lost. May be called more than once. */
  lose(tenure: Tenure): void {
    if (!tenure.end()) return;
    this.#lostAt = this.runtime.now();
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
   * Runs even if no lease follows: an element that a late wait of the lost lease received must not stay with it. By
   * then there may be a later tenure, which goes on.
   */
  async #rejoin(lost: Tenure): Promise<void> {
    await lost.stopKeeping();
    const rejoin = async (): Promise<void> => {
      if (this.tenure === undefined && !this.#isLast) await this.join();
      await lost.lease.leave();
    };
    const failed = (error: unknown): void => this.events.failed(error);
    await retryUntilStopped(rejoin, this.#left.signal, failed, this.runtime);
    this.events.rejoined();
  }
}
