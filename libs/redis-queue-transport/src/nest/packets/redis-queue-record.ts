import type { Codec } from '../../core/body/codec.js';
import { mark } from '../../core/errors/mark.js';
import { assertSettings, checked } from './message-settings.js';
import type { RedisQueueRecordOptions } from './message-settings.js';

const RECORD = mark('record');

/** Whether it is a record, of whichever copy of this package. */
export function isRecord(value: unknown): value is RedisQueueRecord {
  // Most data are plain, and each message asks: a look at the prototype is the quickest.
  if (typeof value !== 'object' || value === null) return false;
  return Object.getPrototypeOf(value) !== Object.prototype && RECORD in value;
}

/**
 * A message with settings of its own; made by {@link RedisQueueRecordBuilder}, given to a client in place of the data.
 * @throws InvalidOptionError from the constructor, for a setting that is not known, or a value that it cannot have
 */
export class RedisQueueRecord<T = unknown> {
  static {
    Object.defineProperty(this.prototype, RECORD, { value: true });
  }

  constructor(
    readonly data: T,
    readonly options: RedisQueueRecordOptions,
  ) {
    assertSettings(options, 'RedisQueueRecord');
  }
}

/**
 * Builds a record:
 * `client.enqueue('mail.send', new RedisQueueRecordBuilder(mail).id(mail.id).headers({ tenant }).build())`.
 *
 * Delay is for `enqueue`, deduplication for `enqueue` and `emit`, `mandatory` for `emit`, timeouts for `send`: a client
 * refuses them elsewhere. Each method throws `InvalidOptionError` for a value that it cannot take.
 */
export class RedisQueueRecordBuilder<T> {
  #options: RedisQueueRecordOptions = {};

  constructor(private readonly data: T) {}

  /** The message's id, instead of one that the client makes. */
  id(id: string): this {
    return this.#with({ id: checked('id', id) });
  }

  /** Adds headers, which the handler finds in its context. */
  headers(headers: Readonly<Record<string, string>>): this {
    checked('headers', headers);
    return this.#with({ headers: { ...this.#options.headers, ...headers } });
  }

  /** Hands the message out no earlier than after so many ms. */
  delay(ms: number): this {
    return this.#with({ delayMs: checked('delayMs', ms, 'delay') });
  }

  /** Hands the message out no earlier than at this time of Redis's clock. */
  deliverAt(date: Date): this {
    return this.#with({ deliverAt: checked('deliverAt', date) });
  }

  /** Has `emit` fail with `NobodyListensError` when neither a group nor a live listener got the event. */
  mandatory(): this {
    return this.#with({ isMandatory: true });
  }

  /** Drops and counts the message when it is handed out later than so many ms after it was sent; retries too. */
  expiresIn(ms: number): this {
    return this.#with({ expiresInMs: checked('expiresInMs', ms, 'expiresIn') });
  }

  /**
   * For so many ms, a further message with the same id, also from another process, is not added: sending again after
   * `OutcomeUnknownError` yields one message. Needs `id()`.
   */
  deduplicate(windowMs: number): this {
    return this.#with({ deduplicateMs: checked('deduplicateMs', windowMs, 'deduplicate') });
  }

  /** Writes the data with this codec in place of the client's. Replies to a `send` come in it too, and are read. */
  codec(codec: Codec): this {
    return this.#with({ codec: checked('codec', codec) });
  }

  /** Has this request wait so many ms for its first reply and then for each next one, over `requestTimeoutMs`. */
  timeout(ms: number): this {
    return this.#with({ timeoutMs: checked('timeoutMs', ms, 'timeout') });
  }

  /** Has this request wait so many ms for its last reply, over `requestTotalTimeoutMs`. */
  totalTimeout(ms: number): this {
    return this.#with({ totalTimeoutMs: checked('totalTimeoutMs', ms, 'totalTimeout') });
  }

  build(): RedisQueueRecord<T> {
    return new RedisQueueRecord(this.data, this.#options);
  }

  /** Whoever forgets `build()` is told so: otherwise the settings would be lost without a word. @throws Error */
  toJSON(): never {
    throw new Error('it is a RedisQueueRecordBuilder, which has to be ended with build().');
  }

  #with(options: RedisQueueRecordOptions): this {
    this.#options = { ...this.#options, ...options };
    return this;
  }
}
