import type { KeyLimit } from '../../../libs/redis-queue-transport/src/core/broker/per-key.js';

/** No more than so many of each key may be out, at any pace. */
const USUAL: KeyLimit = { running: 1, rate: undefined, perMs: 1_000 };

/** When keys may go on: the pace of each, and those that rest. */
export class ModelKeys {
  /** What all consumers together may do with each key. */
  limit = USUAL;
  /** Until when keys rest; without end if they are paused. */
  readonly rests = new Map<string, number>();
  /** When the next message of a key would go on if all went at equal intervals. */
  readonly #nextMs = new Map<string, number>();

  /** Unless it rests for longer. */
  rest(key: string, untilMs: number): void {
    this.rests.set(key, Math.max(untilMs, this.rests.get(key) ?? 0));
  }

  /** Counts one that goes on. If it may not yet, its key rests. */
  isTooEarly(key: string, nowMs: number): boolean {
    const { rate, perMs } = this.limit;
    if (rate === undefined) return false;
    const intervalMs = perMs / rate;
    // A tenth of the rate may go at once after a rest.
    const burst = Math.max(1, Math.floor(rate / 10));
    let aheadMs = Math.max(0, (this.#nextMs.get(key) ?? 0) - nowMs);
    // Another limit was kept before: one may go.
    if (aheadMs > (burst + 1) * intervalMs) aheadMs = (burst - 1) * intervalMs;
    const tooEarlyMs = aheadMs - (burst - 1) * intervalMs;
    if (tooEarlyMs > 0) this.rest(key, nowMs + tooEarlyMs);
    else this.#nextMs.set(key, nowMs + aheadMs + intervalMs);
    return tooEarlyMs > 0;
  }

  /** Those whose rest is over, the longest over first. */
  over(nowMs: number): readonly string[] {
    return [...this.rests]
      .filter(([, untilMs]) => untilMs <= nowMs)
      .sort(([, one], [, other]) => one - other)
      .map(([key]) => key);
  }

  /** In how many ms the next one may go on; undefined if there is no need to look. */
  nextInMs(nowMs: number): number | undefined {
    const inMs = Math.min(...[...this.rests.values()].map((untilMs) => untilMs - nowMs));
    return inMs > 0 && inMs < Infinity ? inMs : undefined;
  }
}
