import type { Restore } from './remember.js';
import { rememberMap } from './remember.js';

/** So many are kept before expired ones are looked for at all. */
const LEAST_KEPT = 1_000;

/** Ids that are known until a time of the store's clock. */
export class KnownIds {
  readonly #until = new Map<string, number>();
  /** Expired ones are forgotten at this size, so that each id costs the same, whatever their number. */
  #sweepAt = LEAST_KEPT;

  has(id: string, nowMs: number): boolean {
    return (this.#until.get(id) ?? -Infinity) > nowMs;
  }

  add(id: string, untilMs: number, nowMs: number): void {
    this.#until.set(id, untilMs);
    if (this.#until.size < this.#sweepAt) return;
    for (const [known, until] of this.#until) if (until <= nowMs) this.#until.delete(known);
    this.#sweepAt = Math.max(LEAST_KEPT, this.#until.size * 2);
  }

  remember(): Restore {
    return rememberMap(this.#until);
  }

  clear(): void {
    this.#until.clear();
  }
}
