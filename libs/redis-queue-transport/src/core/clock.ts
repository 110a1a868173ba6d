import { performance } from 'node:perf_hooks';

/**
 * Redis's time, kept by its offset to this process's monotonic clock. The wall clock, which may be wrong or jump, is
 * never read.
 */
export class RedisClock {
  #offsetMs: number | undefined;

  /** Takes over a reading of Redis's `TIME` that has just arrived. */
  set(redisMs: number): void {
    this.#offsetMs = redisMs - performance.now();
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
