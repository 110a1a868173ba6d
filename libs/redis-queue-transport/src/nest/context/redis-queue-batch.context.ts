import { BaseRpcContext } from '@nestjs/microservices';
import type { BatchItem } from '../../core/delivery/batch-item.js';
import { DONE } from '../../core/delivery/outcome.js';
import { DeadLetter, RetryLater } from './exceptions.js';
import { RedisQueueContext } from './redis-queue.context.js';

/**
 * One message of a batch: what can be known of it, and how to settle it by itself. The first word counts at once,
 * whatever the handler returns or throws afterwards; a later one changes nothing.
 */
export class RedisQueueBatchItem extends RedisQueueContext {
  readonly #item: BatchItem<unknown>;

  constructor(item: BatchItem<unknown>, pattern: string) {
    super([item.delivery, item.delivery.envelope.pattern ?? pattern]);
    this.#item = item;
  }

  get data(): unknown {
    return this.#item.data;
  }

  /** It is handled. */
  done(): void {
    this.#item.settle(DONE);
  }

  /** It failed: it is tried again as the retry policy says, and is a dead letter after its last attempt. */
  fail(error: unknown): void {
    this.#item.settle({ kind: 'failed', error });
  }

  /**
   * It is to come again, however often it was. Without a time: after the pause of the retry policy.
   * @throws InvalidOptionError when delayMs is no whole number ≥ 0
   */
  retryLater(delayMs?: number): void {
    const { delayMs: checked } = new RetryLater(delayMs === undefined ? {} : { delayMs });
    this.#item.settle({ kind: 'retryLater', delayMs: checked });
  }

  /** Trying again is of no use: it is parked with this reason. */
  deadLetter(reason: string): void {
    this.#item.settle({ kind: 'reject', error: new DeadLetter(reason) });
  }
}

/** What a handler of batches can know of the call that it runs for; injected by `@Ctx()`. */
export class RedisQueueBatchContext extends BaseRpcContext<
  [items: readonly BatchItem<unknown>[], pattern: string]
> {
  /** What the handler threw, if it did, before filters changed it. Kept by the transport for dead letters. */
  failure: unknown;
  /** Nest's own filter told nobody what {@link failure} was, and left it to the transport to log it. */
  isUntold = false;
  #items: readonly RedisQueueBatchItem[] | undefined;
  #signal: AbortSignal | undefined;

  /** One for each message, in the order of the data. */
  get items(): readonly RedisQueueBatchItem[] {
    const [items, pattern] = this.args;
    this.#items ??= items.map((item) => new RedisQueueBatchItem(item, pattern));
    return this.#items;
  }

  /** The pattern that the messages were sent to. */
  getPattern(): string {
    return this.args[1];
  }

  /** The queue that they came through. */
  getQueue(): string {
    return this.args[0][0]?.delivery.queue ?? this.args[1];
  }

  /** Fires when the result no longer counts: the lease was lost, or the time to run or to shut down is over. */
  getSignal(): AbortSignal {
    this.#signal ??= AbortSignal.any(this.args[0].map(({ delivery }) => delivery.signal));
    return this.#signal;
  }
}
