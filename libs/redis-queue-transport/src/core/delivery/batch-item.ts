import type { AsyncResource } from 'node:async_hooks';
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
    /** The async context of who gave it: what ends here makes room for others, which begin there. */
    private readonly home: AsyncResource,
  ) {}

  /** Says how it ended for this one. The first word counts, whatever becomes of the others afterwards. */
  settle(result: Result): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    // The handler calls this too, in the context of its own batch.
    this.home.runInAsyncScope(this.end, undefined, result);
  }
}
