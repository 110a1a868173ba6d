import { aheadUs, lookEveryUs, paceOf } from '../../core/broker/limit.js';
import type { Limited, Pace, QueueLimit } from '../../core/broker/limit.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** What one command may take of a queue that is limited, or was slowed down. */
export class LimitedTaking {
  /** Why it may take no more; undefined if it may, or if nothing else waits. */
  limited: Limited | undefined;
  /** A suspect waits that must not be taken yet. */
  isSuspectHeldBack = false;
  readonly #isSlowed: boolean;
  #most = 0;

  constructor(
    private readonly queue: StoredQueue,
    private readonly consumer: string,
    private readonly limit: QueueLimit | undefined,
    private readonly nowMs: number,
  ) {
    const slowedMs = queue.slowedFor(nowMs);
    this.#isSlowed = slowedMs > 0;
    this.isSuspectHeldBack = this.#isSlowed;
    if (this.#isSlowed) this.limited = { inMs: slowedMs, spreadMs: 0, isSlowed: true };
  }

  /** How many more, at most `wanted`. */
  mayTake(wanted: number): number {
    return this.queue.isPaused ? 0 : this.mayWaitFor(wanted);
  }

  /** The same for what a wait brings: like a blocked command of Redis, it does not notice a pause. */
  mayWaitFor(wanted: number): number {
    if (this.#isSlowed) return 0;
    this.#most = this.#allowed(wanted);
    return this.#most;
  }

  /** Whether the consumer, which has the trial, may take one suspect. */
  mayTrySuspect(): boolean {
    this.isSuspectHeldBack = this.#isSlowed || this.#allowed(1) === 0;
    return !this.isSuspectHeldBack;
  }

  /** Counts what was taken, and offers the places to others that `settled` messages have left. */
  end(taken: number, settled: number): void {
    if (this.limit === undefined || this.#isSlowed || this.queue.isPaused) return;
    this.count(taken);
    const isAtLimit =
      this.isSuspectHeldBack || (taken === this.#most && this.queue.waiting.length > 0);
    if (!isAtLimit) this.limited = undefined;
    if (settled > taken) this.#offerPlaces();
  }

  /** So many were taken. */
  count(taken: number): void {
    const pace = this.limit && paceOf(this.limit);
    if (pace !== undefined && taken > 0)
      this.queue.nextAtPaceUs = this.#nowUs + this.#aheadUs(pace) + taken * pace.intervalUs;
  }

  #offerPlaces(): void {
    const { suspects, waiting } = this.queue;
    const isRateInTheWay = this.limited?.inMs !== undefined;
    const isWaitedFor = waiting.length > 0 || suspects.length > 0;
    if (this.limit?.running !== undefined && isWaitedFor && !isRateInTheWay)
      this.queue.wake('look');
  }

  #allowed(wanted: number): number {
    if (this.limit === undefined || wanted === 0) return wanted;
    const { running } = this.limit;
    const pace = paceOf(this.limit);
    let may = wanted;
    if (running !== undefined) {
      may = Math.max(0, Math.min(may, running - this.#held() - this.#kept()));
      if (may < wanted) this.limited = { inMs: undefined, spreadMs: 0, isSlowed: false };
    }
    return pace === undefined ? may : this.#allowedByRate(may, pace);
  }

  /** What all consumers hold that have not been reclaimed. */
  #held(): number {
    return [...this.queue.consumers.keys()].reduce(
      (sum, consumer) => sum + this.queue.heldBy(consumer).length,
      0,
    );
  }

  /** One place is left to another consumer that has the trial. */
  #kept(): number {
    const { consumers, suspects, trial } = this.queue;
    const isOther = trial !== undefined && trial !== this.consumer && consumers.has(trial);
    return isOther && suspects.length > 0 ? 1 : 0;
  }

  #allowedByRate(wanted: number, pace: Pace): number {
    const { intervalUs, burst } = pace;
    const ahead = this.#aheadUs(pace);
    const byRate = Math.max(0, Math.floor(burst - ahead / intervalUs));
    if (byRate >= wanted) return wanted;
    const inUs = ahead + (byRate + 1 - burst) * intervalUs;
    this.limited = {
      inMs: Math.max(1, Math.ceil(inUs / 1_000)),
      spreadMs: Math.floor((this.queue.consumers.size * lookEveryUs(pace)) / 1_000),
      isSlowed: false,
    };
    return byRate;
  }

  get #nowUs(): number {
    return this.nowMs * 1_000;
  }

  #aheadUs(pace: Pace): number {
    return aheadUs(pace, this.queue.nextAtPaceUs ?? 0, this.#nowUs);
  }
}
