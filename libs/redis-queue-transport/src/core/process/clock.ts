import type { Runtime } from './runtime.js';

/** How long the best reading is kept: clocks drift apart. */
const LONGEST_KEEP_MS = 60_000;
/** Redis's clock can be set: an older reading is refreshed when it is used. */
const FRESH_MS = 1_000;
/** No reply is this late: a reading that is further behind means that the clock was set back. */
const LARGEST_LATENESS_MS = 1_000;

/**
 * Redis's time, kept as an offset to this process's monotonic clock. The wall clock, which may be wrong or jump, is
 * never read.
 *
 * The network and a busy event loop delay every reply, so each reading is a little behind. Of several readings the one
 * furthest ahead had the shortest delay, and is kept (the idea of NTP's clock filter, RFC 5905, section 10).
 */
export class RedisClock {
  #offsetMs: number | undefined;
  #readAt = 0;
  /** When a reading last arrived or was requested. */
  #freshAt = 0;

  /** @param readAgain requests another reading. Must not throw. */
  constructor(
    private readonly runtime: Pick<Runtime, 'now'>,
    private readonly readAgain: () => void = () => undefined,
  ) {}

  /** Takes a reading of Redis's `TIME` that has just arrived. */
  set(redisMs: number): void {
    const now = this.runtime.now();
    this.#freshAt = now;
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

  /**
   * In whole ms. If the last reading is old, requests another one for later calls.
   *
   * @throws Error before the first reading: the caller has not connected.
   */
  nowMs(): number {
    if (this.#offsetMs === undefined)
      throw new Error('The time of Redis is not known before connect().');
    const now = this.runtime.now();
    if (now - this.#freshAt > FRESH_MS) {
      this.#freshAt = now;
      this.readAgain();
    }
    return Math.round(now + this.#offsetMs);
  }
}
