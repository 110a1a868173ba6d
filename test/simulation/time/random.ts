/** A stream of numbers that a seed fixes (mulberry32; FNV-1a turns names into seeds). */
export class Random {
  #state: number;

  constructor(private readonly seed: string) {
    this.#state = hashOf(seed);
  }

  /** Another stream, which does not depend on how much was drawn from this one. */
  named(name: string): Random {
    return new Random(`${this.seed}/${name}`);
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(part: number): boolean {
    return this.next() < part;
  }

  /** @throws RangeError for an empty list */
  pick<T>(items: readonly T[]): T {
    const at = this.between(0, items.length - 1);
    for (const picked of items.slice(at, at + 1)) return picked;
    throw new RangeError('There is nothing to pick from.');
  }
}

/** Of a text, in 32 bits. */
export function hashOf(text: string, before = 0x811c9dc5): number {
  let hash = before;
  for (let at = 0; at < text.length; at += 1)
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
