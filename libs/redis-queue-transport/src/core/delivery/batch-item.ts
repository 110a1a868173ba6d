import type { AsyncResource } from 'node:async_hooks';
import type { Delivery } from './delivery.js';
import type { Result } from './outcome.js';

/** One delivery of a batch. */
export class BatchItem<T> {
  #isSettled = false;

  constructor(
    readonly delivery: Delivery,
    readonly data: T,
    /** By `Runtime.now`. */
    readonly addedAt: number,
    private readonly end: (result: Result) => void,
    /** The async context of its consumer: when it ends, others may start, and must do so there. */
    private readonly home: AsyncResource,
  ) {}

  /** Settles this message. The first call counts, whatever happens to the rest of the batch. */
  settle(result: Result): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    // The handler also calls this, in the context of its own batch.
    this.home.runInAsyncScope(this.end, undefined, result);
  }
}
