import type { Restore } from '../collections/remember.js';
import { rememberMap, together } from '../collections/remember.js';

/** When the rest of a key began, and when it ends: never, if it is paused. In ms. */
export interface Rest {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** So many paces are kept before those that are over are looked for at all. */
const LEAST_KEPT = 1_000;

/** Keys of which nothing more goes on for now, and the pace of each key. Keys are as they are written. */
export class Rests {
  readonly #rests = new Map<string, Rest>();
  /** When the next message of a key would go on if all went at equal intervals, in µs. */
  readonly #paces = new Map<string, number>();
  /** Paces that are over are forgotten at this size. */
  #sweepAt = LEAST_KEPT;

  /** By key. */
  get all(): ReadonlyMap<string, Rest> {
    return this.#rests;
  }

  has(key: string): boolean {
    return this.#rests.has(key);
  }

  /** Unless it rests for longer. Returns whether this is the earliest end of all. */
  add(key: string, rest: Rest): boolean {
    const { untilMs } = rest;
    if ((this.#rests.get(key)?.untilMs ?? -Infinity) >= untilMs) return false;
    const others = [...this.#rests].filter(([other]) => other !== key);
    this.#rests.set(key, rest);
    return others.every(([, other]) => other.untilMs > untilMs);
  }

  end(key: string): boolean {
    return this.#rests.delete(key);
  }

  /** Keys whose rest is over, the longest over first. Of one that began later than now, the clock was set back. */
  over(nowMs: number): readonly string[] {
    return [...this.#rests]
      .filter(
        ([, { sinceMs, untilMs }]) => untilMs <= nowMs || (untilMs < Infinity && sinceMs > nowMs),
      )
      .sort(([, one], [, other]) => one.untilMs - other.untilMs)
      .map(([key]) => key);
  }

  /** When the next one ends; undefined if none does. */
  get nextMs(): number | undefined {
    const ends = [...this.#rests.values()].map(({ untilMs }) => untilMs);
    const next = Math.min(...ends);
    return next < Infinity ? next : undefined;
  }

  paceOf(key: string): number {
    return this.#paces.get(key) ?? 0;
  }

  setPace(key: string, nextUs: number, nowUs: number): void {
    this.#paces.set(key, nextUs);
    if (this.#paces.size < this.#sweepAt) return;
    for (const [other, us] of this.#paces) if (us <= nowUs) this.#paces.delete(other);
    this.#sweepAt = Math.max(LEAST_KEPT, this.#paces.size * 2);
  }

  remember(): Restore {
    return together([rememberMap(this.#rests), rememberMap(this.#paces)]);
  }

  clear(): void {
    this.#rests.clear();
    this.#paces.clear();
  }
}
