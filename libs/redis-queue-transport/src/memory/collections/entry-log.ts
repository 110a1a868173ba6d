import type { Restore } from './remember.js';

export interface LogEntry<T> {
  /** Its place, as Redis writes it in a stream: the time in ms, a dash, and a number among those of that time. */
  readonly id: string;
  readonly atMs: number;
  readonly sequence: number;
  readonly value: T;
}

/** Whether the entry comes before this place. */
function isBefore(entry: LogEntry<unknown>, atMs: number, sequence: number): boolean {
  return entry.atMs < atMs || (entry.atMs === atMs && entry.sequence < sequence);
}

/** Entries in the order in which they came, each with a place of its own that only grows: what Redis calls a stream. */
export class EntryLog<T> {
  /** Sorted. Those before #from are gone. */
  #entries: LogEntry<T>[] = [];
  #from = 0;
  #lastMs = 0;
  #lastSequence = 0;

  get length(): number {
    return this.#entries.length - this.#from;
  }

  /** The oldest first. */
  get all(): readonly LogEntry<T>[] {
    return this.#entries.slice(this.#from);
  }

  get first(): LogEntry<T> | undefined {
    return this.#entries[this.#from];
  }

  get last(): LogEntry<T> | undefined {
    return this.length === 0 ? undefined : this.#entries.at(-1);
  }

  /** A new entry comes behind all earlier ones, even if the clock was set back. */
  add(nowMs: number, value: T): LogEntry<T> {
    const isLater = nowMs > this.#lastMs;
    this.#lastSequence = isLater ? 0 : this.#lastSequence + 1;
    this.#lastMs = isLater ? nowMs : this.#lastMs;
    const [atMs, sequence] = [this.#lastMs, this.#lastSequence];
    const entry = { id: `${atMs}-${sequence}`, atMs, sequence, value };
    this.#entries.push(entry);
    return entry;
  }

  /** How many entries stand before this place. */
  rankOf(atMs: number, sequence: number): number {
    let low = this.#from;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && isBefore(entry, atMs, sequence)) low = middle + 1;
      else high = middle;
    }
    return low - this.#from;
  }

  /** Those with these ranks, the oldest first. */
  slice(start: number, end: number): readonly LogEntry<T>[] {
    return this.#entries.slice(this.#from + Math.max(0, start), this.#from + Math.max(0, end));
  }

  find(id: string): LogEntry<T> | undefined {
    return this.#entries[this.#indexOf(id)];
  }

  /** Returns what was there. */
  remove(id: string): LogEntry<T> | undefined {
    const index = this.#indexOf(id);
    return index === -1 ? undefined : this.#entries.splice(index, 1)[0];
  }

  removeFirst(): LogEntry<T> | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    this.#from += 1;
    // Half of it is gone: closing the gap costs no more than what was removed.
    if (this.#from > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#from);
      this.#from = 0;
    }
    return first;
  }

  remember(): Restore {
    const { all } = this;
    const [lastMs, lastSequence] = [this.#lastMs, this.#lastSequence];
    return () => {
      this.#entries = [...all];
      this.#from = 0;
      this.#lastMs = lastMs;
      this.#lastSequence = lastSequence;
    };
  }

  clear(): void {
    this.#entries = [];
    this.#from = 0;
  }

  #indexOf(id: string): number {
    const [, ms = '', sequence = ''] = /^(\d+)-(\d+)$/.exec(id) ?? [];
    if (ms === '') return -1;
    const index = this.#from + this.rankOf(Number(ms), Number(sequence));
    return this.#entries[index]?.id === id ? index : -1;
  }
}
