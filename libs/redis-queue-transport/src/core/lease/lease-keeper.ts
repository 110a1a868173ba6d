import type { Lease, Renewal, RenewalTime, SeenLease } from '../broker/lease.js';
import { CERTAIN_PART, EndedLeases } from './ended-leases.js';
import type { LookTimes } from './ended-leases.js';
import { pause } from '../process/pause.js';
import { retryUntilStopped } from '../process/until-stopped.js';
import type { Runtime } from '../process/runtime.js';

export interface LeaseKeeperEvents {
  lost(): void;
  reclaimed(consumer: string, deliveries: number): void;
  deadLettersDropped(letters: number): void;
  /** Messages wait for their key to be read. */
  unkeyed?(): void;
  failed(error: unknown): void;
}

/** Even if the wall clock jumps with each reading, Redis is asked about the lease at most twice within this time. */
const ANSWERED_LATELY_MS = 50;

interface Renewed extends LookTimes {
  readonly renewal: Renewal;
}

/**
 * Renews one lease at a third of its length, and takes back what ended leases of the same queue held, once they have
 * surely ended (see {@link EndedLeases}).
 */
export class LeaseKeeper {
  readonly #intervalMs: number;
  /** How long after a renewal was sent the lease is certain. */
  readonly #certainMs: number;
  readonly #stopped = new AbortController();
  readonly #endedLeases: EndedLeases;
  #sureUntil: number;
  /** When the last successful renewal was sent, by the wall clock. */
  #renewedAtWall: number;
  /** When Redis last answered a renewal out of turn, by `Runtime.now`. */
  #answeredAt = -Infinity;
  /** That renewal was sent right after another such answer. */
  #isAskedAgain = false;
  #loop: Promise<void> | undefined;
  /** Runs beside the renewals: these must not be late because there is much to take back. */
  #reclaiming: Promise<void> | undefined;

  /** @param takenAt when the lease was requested, by `Runtime.now` */
  constructor(
    private readonly lease: Lease,
    leaseMs: number,
    takenAt: number,
    private readonly events: LeaseKeeperEvents,
    private readonly runtime: Runtime,
  ) {
    this.#renewedAtWall = runtime.wallClock();
    this.#intervalMs = leaseMs / 3;
    this.#certainMs = CERTAIN_PART * leaseMs;
    this.#sureUntil = takenAt + this.#certainMs;
    this.#endedLeases = new EndedLeases(leaseMs);
  }

  /**
   * False if the lease may have ended unnoticed: this process stood still, its machine was suspended, or Redis could
   * not be reached. By Redis's clock the lease is longer, but that clock can be set forward.
   */
  get isSure(): boolean {
    const now = this.runtime.now();
    return now < this.#sureUntil && !this.#mayHaveSlept(now);
  }

  /** The time of `Runtime.now` at which {@link isSure} becomes false, unless the lease is renewed before. */
  get sureUntil(): number {
    return this.#sureUntil;
  }

  /**
   * While a machine is suspended, its monotonic clock stands still, but the lease runs on. The wall clock shows this
   * afterwards. It can also be wrong or be set, so it is only a reason to ask Redis. After the answer, the clocks agree
   * again, unless the machine slept meanwhile or sleeps once more. A wall clock that still disagrees right after a
   * second answer is wrong.
   */
  #mayHaveSlept(now: number): boolean {
    if (this.runtime.wallClock() - this.#renewedAtWall <= this.#certainMs) return false;
    return !this.#isAskedAgain || !this.#isAnsweredLately(now);
  }

  #isAnsweredLately(now: number): boolean {
    return now - this.#answeredAt <= ANSWERED_LATELY_MS;
  }

  start(): void {
    this.#loop ??= this.#run(this.#stopped.signal);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
    await this.#reclaiming;
  }

  /** If the lease is not sure, renews it out of turn until it is sure, is lost, or is no longer kept. Never rejects. */
  async makeSure(): Promise<void> {
    const stopped = this.#stopped.signal;
    while (!this.isSure && !stopped.aborted) {
      const isAgain = this.#isAnsweredLately(this.runtime.now());
      if ((await this.#renewUntilAnswered('now', stopped)) === 'leaseLost')
        return this.events.lost();
      this.#isAskedAgain = isAgain;
      this.#answeredAt = this.runtime.now();
    }
  }

  /**
   * Begins with a renewal, which is the first look at the leases of others: one look does not tell which have ended.
   */
  async #run(stopped: AbortSignal): Promise<void> {
    for (;;) {
      const renewed = await this.#renewUntilAnswered('soon', stopped);
      if (renewed === undefined || stopped.aborted) return;
      if (renewed === 'leaseLost') return this.events.lost();
      this.#lookAtOthers(renewed);
      await pause(this.#intervalMs, stopped, this.runtime);
    }
  }

  /** Tries until Redis answers, since an outage may outlast the lease. Undefined if it is stopped before. */
  async #renewUntilAnswered(
    when: RenewalTime,
    stopped: AbortSignal,
  ): Promise<Renewed | 'leaseLost' | undefined> {
    if (stopped.aborted) return undefined;
    return retryUntilStopped(
      () => this.#renew(when),
      stopped,
      (error) => this.events.failed(error),
      this.runtime,
    );
  }

  async #renew(when: RenewalTime): Promise<Renewed | 'leaseLost'> {
    const askedAt = this.runtime.now();
    const askedAtWall = this.runtime.wallClock();
    const renewal = await this.lease.renew(when);
    if (renewal === 'leaseLost') return renewal;
    this.#sureUntil = askedAt + this.#certainMs;
    this.#renewedAtWall = askedAtWall;
    const { deadLettersDropped, hasUnkeyed } = renewal;
    if (deadLettersDropped !== undefined) this.events.deadLettersDropped(deadLettersDropped);
    if (hasUnkeyed === true) this.events.unkeyed?.();
    return { renewal, askedAt, answeredAt: this.runtime.now() };
  }

  #lookAtOthers({ renewal, ...times }: Renewed): void {
    const ended = this.#endedLeases.look(renewal, times);
    // If the last reclaim is still running, skip this one: the next look finds the same leases again.
    this.#reclaiming ??= this.#reclaim(ended, renewal.fenced).finally(() => {
      this.#reclaiming = undefined;
    });
  }

  async #reclaim(ended: readonly SeenLease[], fenced: readonly string[]): Promise<void> {
    for (const { consumer, endsAtMs } of ended) await this.#reclaimOne(consumer, endsAtMs);
    for (const consumer of await this.#findLateTakes(fenced)) await this.#reclaimOne(consumer);
  }

  async #findLateTakes(fenced: readonly string[]): Promise<readonly string[]> {
    if (fenced.length === 0 || this.#stopped.signal.aborted) return fenced;
    try {
      return await this.lease.findLateTakes(fenced);
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.events.failed(error);
      return [];
    }
  }

  /** Never rejects: the others are reclaimed even if this one fails. */
  async #reclaimOne(consumer: string, seenEndMs?: number): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    try {
      const deliveries = await this.lease.reclaim(consumer, seenEndMs);
      if (deliveries > 0) this.events.reclaimed(consumer, deliveries);
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.events.failed(error);
    }
  }
}
