import { BaseRpcContext } from '@nestjs/microservices';
import type { BatchItem } from '../../core/delivery/batch-item.js';
import { DONE } from '../../core/delivery/outcome.js';
import { DeadLetter, RetryLater } from './exceptions.js';
import { RedisQueueContext } from './redis-queue.context.js';

/**
 * One message of a batch: what is known about it, and how to settle it by itself. The first call that settles it counts
 * at once, whatever the handler returns or throws afterwards. Later calls change nothing.
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

  /** The message is handled. */
  done(): void {
    this.#item.settle(DONE);
  }

  /** The message failed: it is retried by the retry policy, and dead-lettered after its last attempt. */
  fail(error: unknown): void {
    this.#item.settle({ kind: 'failed', error });
  }

  /**
   * Get the message again later; this uses up no attempt. Without a time: after the pause of the retry policy.
   * @throws InvalidOptionError if delayMs is not a whole number ≥ 0
   */
  retryLater(delayMs?: number): void {
    const { delayMs: checked } = new RetryLater(delayMs === undefined ? {} : { delayMs });
    this.#item.settle({ kind: 'retryLater', delayMs: checked });
  }

  /** Trying again cannot help: the message is dead-lettered with this reason. */
  deadLetter(reason: string): void {
    this.#item.settle({ kind: 'reject', error: new DeadLetter(reason) });
  }
}

/** What a batch handler can know about its call; injected by `@Ctx()`. */
export class RedisQueueBatchContext extends BaseRpcContext<
  [items: readonly BatchItem<unknown>[], pattern: string]
> {
  /** What the handler threw, before filters changed it. The transport keeps it for dead letters. */
  failure: unknown;
  /** Nest's own filter did not log {@link failure} and leaves that to the transport. */
  isUntold = false;
  #items: readonly RedisQueueBatchItem[] | undefined;
  #signal: AbortSignal | undefined;

  /** One item for each message, in the order of the data. */
  get items(): readonly RedisQueueBatchItem[] {
    const [items, pattern] = this.args;
    this.#items ??= items.map((item) => new RedisQueueBatchItem(item, pattern));
    return this.#items;
  }

  /** The pattern that the messages were sent to. */
  getPattern(): string {
    return this.args[1];
  }

  /** The queue that the messages came from. */
  getQueue(): string {
    return this.args[0][0]?.delivery.queue ?? this.args[1];
  }

  /** Fires when the result no longer counts: the lease is lost, or the time to run or to shut down is over. */
  getSignal(): AbortSignal {
    this.#signal ??= AbortSignal.any(this.args[0].map(({ delivery }) => delivery.signal));
    return this.#signal;
  }
}
