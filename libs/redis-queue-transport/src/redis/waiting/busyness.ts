/** After this time, what was counted weighs half as much. */
const HALF_MS = 10_000;

/** Counts with a fading memory: how busy somebody was lately. */
export class Busyness {
  #count = 0;
  #countedAt = 0;

  add(nowMs: number): void {
    this.#count = this.at(nowMs) + 1;
    this.#countedAt = nowMs;
  }

  at(nowMs: number): number {
    return this.#count * 2 ** ((this.#countedAt - nowMs) / HALF_MS);
  }
}
