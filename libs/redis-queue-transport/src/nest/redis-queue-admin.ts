import type {
  DelayedMessage,
  DeadLetterEntry,
  DeadLetterFilter,
  Page,
  QueuedMessage,
} from '../core/queue-admin.js';
import type { QueueLengths } from '../core/admin-broker.js';
import { BodyFormat } from '../core/body.js';
import { jsonCodec } from '../core/codec.js';
import { QueueAdmin } from '../core/queue-admin.js';
import { openAdmin } from '../open-broker.js';
import { resolveAdminOptions } from './options.js';
import type { RedisQueueAdminOptions } from './options.js';

/**
 * Looks into queues and tends them, beside live consumers. Provided by `RedisQueueModule`; a queue's name is its
 * pattern as Nest normalises it (`inventory.reserve`, `{"cmd":"sum"}`).
 *
 * Every method rejects with `RedisUnavailableError`, `RedisRefusedError` or `OutcomeUnknownError` when Redis fails; one
 * that lists pages, with `InvalidOptionError` for an `offset` or `limit` that is none.
 */
export class RedisQueueAdmin {
  readonly #admin: QueueAdmin;

  /** @throws InvalidOptionError */
  constructor(options: RedisQueueAdminOptions = {}) {
    const resolved = resolveAdminOptions(options);
    const format = new BodyFormat({ ...resolved, codec: jsonCodec, compressAboveBytes: false });
    this.#admin = new QueueAdmin(openAdmin(resolved), format);
  }

  /** Names of all queues that were ever pushed to or served. */
  queues(): Promise<readonly string[]> {
    return this.#admin.queues();
  }

  lengths(queue: string): Promise<QueueLengths> {
    return this.#admin.lengths(queue);
  }

  /** Waiting messages, the next one first; nothing is taken. Default: the first 100. */
  peek(
    queue: string,
    page?: Page & { readonly offset?: number },
  ): Promise<readonly QueuedMessage[]> {
    return this.#admin.peek(queue, page);
  }

  /** Delayed messages, the next one due first. Default: the first 100. */
  delayed(
    queue: string,
    page?: Page & { readonly offset?: number },
  ): Promise<readonly DelayedMessage[]> {
    return this.#admin.delayed(queue, page);
  }

  /** Makes delayed messages due now: all, or those that the filter takes. Answers how many. */
  advanceDelayed(queue: string, filter?: (message: DelayedMessage) => boolean): Promise<number> {
    return this.#admin.advanceDelayed(queue, filter);
  }

  /** Dead letters, the oldest first. `next` is the `from` of the following page. */
  deadLetters(
    queue: string,
    page?: Page & { readonly from?: string | undefined },
  ): Promise<{ readonly letters: readonly DeadLetterEntry[]; readonly next: string | undefined }> {
    return this.#admin.deadLetters(queue, page);
  }

  /** One dead letter, by its `entry`. */
  deadLetter(queue: string, entry: string): Promise<DeadLetterEntry | undefined> {
    return this.#admin.deadLetter(queue, entry);
  }

  /**
   * Sends a dead letter again, at the tail of its queue: its attempt starts anew, and why it died is added to its
   * header `dead-letter-history`. False when it is not there (any more): of two that redrive it at once, one does.
   */
  redrive(queue: string, entry: string): Promise<boolean> {
    return this.#admin.redrive(queue, entry);
  }

  /** Redrives all dead letters that are there now, or those that the filter takes. Answers how many. */
  redriveAll(queue: string, filter?: DeadLetterFilter): Promise<number> {
    return this.#admin.redriveAll(queue, filter);
  }

  /** False when it is not there (any more). */
  deleteDeadLetter(queue: string, entry: string): Promise<boolean> {
    return this.#admin.deleteDeadLetter(queue, entry);
  }

  /** Deletes all dead letters that are there now, or those that the filter takes. Answers how many. */
  deleteDeadLetters(queue: string, filter?: DeadLetterFilter): Promise<number> {
    return this.#admin.deleteDeadLetters(queue, filter);
  }

  /**
   * Stops handing out, on every consumer, until {@link resume}. What runs goes on, and messages are still taken in. A
   * consumer that misses the news finds out within 5 s.
   */
  pause(queue: string): Promise<void> {
    return this.#admin.pause(queue);
  }

  resume(queue: string): Promise<void> {
    return this.#admin.resume(queue);
  }

  /**
   * Removes everything that waits or is delayed, for good. Answers how many messages that were. Ids stay taken for
   * their `deduplicate` window, as they do when a message was handled.
   */
  purge(queue: string): Promise<number> {
    return this.#admin.purge(queue);
  }

  close(): Promise<void> {
    return this.#admin.close();
  }

  /** Called by Nest when the app ends. */
  onApplicationShutdown(): Promise<void> {
    return this.close();
  }
}
