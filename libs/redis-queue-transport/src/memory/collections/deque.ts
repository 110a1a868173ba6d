import type { Restore } from './remember.js';

const LEAST_CAPACITY = 16;

/** A list that is filled and emptied at both ends, at a cost that does not grow with its length. */
export class Deque<T> {
  #items: (T | undefined)[] = new Array<T | undefined>(LEAST_CAPACITY).fill(undefined);
  /** Where the first one stands. The capacity is a power of two, so positions wrap by a mask. */
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Undefined beyond the ends. A negative index counts from the end. */
  at(index: number): T | undefined {
    const from = index < 0 ? index + this.#length : index;
    if (from < 0 || from >= this.#length) return undefined;
    return this.#items[this.#position(from)];
  }

  push(item: T): void {
    this.#grow();
    this.#items[this.#position(this.#length)] = item;
    this.#length += 1;
  }

  unshift(item: T): void {
    this.#grow();
    this.#head = this.#position(-1);
    this.#items[this.#head] = item;
    this.#length += 1;
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const first = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = this.#position(1);
    this.#length -= 1;
    return first;
  }

  pop(): T | undefined {
    if (this.#length === 0) return undefined;
    const position = this.#position(this.#length - 1);
    const last = this.#items[position];
    this.#items[position] = undefined;
    this.#length -= 1;
    return last;
  }

  /** A copy of the part from `start` up to, not including, `end`. */
  slice(start = 0, end = this.#length): T[] {
    const part: T[] = [];
    const { length } = this;
    for (let index = Math.max(0, start); index < Math.min(end, length); index += 1) {
      const item = this.#items[this.#position(index)];
      part.push(item as T); // every place within the length is filled
    }
    return part;
  }

  findIndex(matches: (item: T) => boolean): number {
    for (let index = 0; index < this.#length; index += 1) {
      const item = this.#items[this.#position(index)];
      if (matches(item as T)) return index; // every place within the length is filled
    }
    return -1;
  }

  /** Closes the gap from the nearer end. */
  removeAt(index: number): void {
    if (index < 0 || index >= this.#length) return;
    if (index < this.#length / 2) {
      for (let to = index; to > 0; to -= 1) this.#move(to - 1, to);
      this.shift();
    } else {
      for (let to = index; to < this.#length - 1; to += 1) this.#move(to + 1, to);
      this.pop();
    }
  }

  /** Returns what makes it again what it is now. */
  remember(): Restore {
    const items = this.slice();
    return () => {
      this.clear();
      for (const item of items) this.push(item);
    };
  }

  clear(): void {
    this.#items = new Array<T | undefined>(LEAST_CAPACITY).fill(undefined);
    this.#head = 0;
    this.#length = 0;
  }

  #move(from: number, to: number): void {
    this.#items[this.#position(to)] = this.#items[this.#position(from)];
  }

  #position(index: number): number {
    return (this.#head + index) & (this.#items.length - 1);
  }

  #grow(): void {
    const capacity = this.#items.length;
    if (this.#length < capacity) return;
    this.#items = this.slice();
    this.#items.length = capacity * 2;
    this.#items.fill(undefined, capacity);
    this.#head = 0;
  }
}
