import { performance } from 'node:perf_hooks';

/** A better reading is not waited for longer than this: clocks drift apart. */
const LONGEST_KEEP_MS = 60_000;
/** No answer is so late: a reading that is further behind tells of a clock that was set back. */
const LARGEST_LATENESS_MS = 1_000;

/**
 * Redis's time, kept by its offset to this process's monotonic clock. The wall clock, which may be wrong or jump, is
 * never read.
 *
 * An answer is always late by its way and by what the event loop was busy with, so each reading is behind by a little.
 * Of several the one that is furthest ahead was the quickest, and is kept (the idea of NTP's clock filter, RFC 5905,
 * section 10).
 */
export class RedisClock {
  #offsetMs: number | undefined;
  #readAt = 0;

  /** Takes over a reading of Redis's `TIME` that has just arrived. */
  set(redisMs: number): void {
    const now = performance.now();
    const offsetMs = redisMs - now;
    const behindMs = (this.#offsetMs ?? -Infinity) - offsetMs;
    const isQuicker = behindMs <= 0;
    const isOld = now - this.#readAt > LONGEST_KEEP_MS;
    if (!isQuicker && !isOld && behindMs < LARGEST_LATENESS_MS) return;
    this.#offsetMs = offsetMs;
    this.#readAt = now;
  }

  get isSet(): boolean {
    return this.#offsetMs !== undefined;
  }

  /** Whole ms. @throws Error before the first reading: a caller that can reach this line has not connected. */
  nowMs(): number {
    if (this.#offsetMs === undefined)
      throw new Error('The time of Redis is not known before connect().');
    return Math.round(performance.now() + this.#offsetMs);
  }
}
