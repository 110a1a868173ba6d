/**
 * Gathers what is added in one turn of the event loop and hands it over at once. A lone item leaves at the end of the
 * same turn: nothing is ever delayed by a timer.
 */
export class TickBatch<T> {
  #items: T[] = [];

  constructor(private readonly flushItems: (items: T[]) => void) {}

  add(item: T): void {
    if (this.#items.length === 0) process.nextTick(() => this.flush());
    this.#items.push(item);
  }

  /** Nothing is gathered. */
  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** Hands over now what was gathered so far. */
  flush(): void {
    if (this.#items.length === 0) return;
    const items = this.#items;
    this.#items = [];
    this.flushItems(items);
  }
}
