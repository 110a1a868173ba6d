import type { Delivery } from './delivery.js';
import type { Result } from './outcome.js';

/** One delivery among those that a handler gets together. */
export class BatchItem<T> {
  #isSettled = false;

  constructor(
    readonly delivery: Delivery,
    readonly data: T,
    /** By `performance.now()`. */
    readonly addedAt: number,
    private readonly end: (result: Result) => void,
  ) {}

  /** Says how it ended for this one. The first word counts, whatever becomes of the others afterwards. */
  settle(result: Result): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.end(result);
  }
}
