import type { Codec } from '../../core/body/codec.js';
import { mark } from '../../core/errors/mark.js';
import { assertSettings, checked } from './message-settings.js';
import type { RedisQueueRecordOptions } from './message-settings.js';

const RECORD = mark('record');

/** Whether it is a record, of this or another copy of this package. */
export function isRecord(value: unknown): value is RedisQueueRecord {
  // Runs for each message, and most data is plain: checking the prototype is the fastest.
  if (typeof value !== 'object' || value === null) return false;
  return Object.getPrototypeOf(value) !== Object.prototype && RECORD in value;
}

/**
 * A message with settings of its own, made by {@link RedisQueueRecordBuilder}. Give it to a client in place of the
 * data.
 * @throws InvalidOptionError from the constructor, for an unknown setting or an unusable value
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
 * Delays are for `enqueue`, deduplication for `enqueue` and `emit`, `mandatory` for `emit`, timeouts for `send`; the
 * client refuses them elsewhere. Each method throws `InvalidOptionError` for an unusable value.
 */
export class RedisQueueRecordBuilder<T> {
  #options: RedisQueueRecordOptions = {};

  constructor(private readonly data: T) {}

  /** Sets the message's id, instead of one that the client makes. */
  id(id: string): this {
    return this.#with({ id: checked('id', id) });
  }

  /**
   * Messages with the same key are handled one after the other, in the order in which Redis got them, by all processes
   * together: also through retries with pauses and crashes. At most 255 bytes when percent-encoded.
   */
  key(key: string): this {
    return this.#with({ key: checked('key', key) });
  }

  /**
   * From 0 to 9, higher first; 4 for messages without one. While messages of higher priorities wait, every tenth one that is
   * handed out comes from the lower ones in turn. Among messages of one key the order stays that of Redis.
   */
  priority(priority: number): this {
    return this.#with({ priority: checked('priority', priority) });
  }

  /** Adds headers, which the handler finds in its context. */
  headers(headers: Readonly<Record<string, string>>): this {
    checked('headers', headers);
    return this.#with({ headers: { ...this.#options.headers, ...headers } });
  }

  /** The message is not handed out before this many ms have passed. */
  delay(ms: number): this {
    return this.#with({ delayMs: checked('delayMs', ms, 'delay') });
  }

  /** The message is not handed out before this time of Redis's clock. */
  deliverAt(date: Date): this {
    return this.#with({ deliverAt: checked('deliverAt', date) });
  }

  /** `emit` fails with `NobodyListensError` if neither a group nor a live listener got the event. */
  mandatory(): this {
    return this.#with({ isMandatory: true });
  }

  /** If no handler has started the message, or its retry, this many ms after it was sent, it is dropped and counted. */
  expiresIn(ms: number): this {
    return this.#with({ expiresInMs: checked('expiresInMs', ms, 'expiresIn') });
  }

  /**
   * For this many ms, another message with the same id, from any process, is not added: sending again after
   * `OutcomeUnknownError` yields one message. Needs `id()`.
   */
  deduplicate(windowMs: number): this {
    return this.#with({ deduplicateMs: checked('deduplicateMs', windowMs, 'deduplicate') });
  }

  /**
   * If the queue is full (`maxLength`), the call waits for room for up to this many ms before it fails with
   * `QueueFullError`. For an event: if the list of a group is.
   */
  waitForRoom(ms: number): this {
    return this.#with({ waitForRoomMs: checked('waitForRoomMs', ms, 'waitForRoom') });
  }

  /** Writes the data with this codec instead of the client's. Replies to a `send` use it too. */
  codec(codec: Codec): this {
    return this.#with({ codec: checked('codec', codec) });
  }

  /**
   * How long, in ms, this request waits for its first reply and then for each next one. Overrides `requestTimeoutMs`.
   */
  timeout(ms: number): this {
    return this.#with({ timeoutMs: checked('timeoutMs', ms, 'timeout') });
  }

  /** How long, in ms, this request waits for its last reply. Overrides `requestTotalTimeoutMs`. */
  totalTimeout(ms: number): this {
    return this.#with({ totalTimeoutMs: checked('totalTimeoutMs', ms, 'totalTimeout') });
  }

  build(): RedisQueueRecord<T> {
    return new RedisQueueRecord(this.data, this.#options);
  }

  /** Reports a forgotten `build()`: otherwise the settings would be lost silently. @throws Error */
  toJSON(): never {
    throw new Error('it is a RedisQueueRecordBuilder: call its build().');
  }

  #with(options: RedisQueueRecordOptions): this {
    this.#options = { ...this.#options, ...options };
    return this;
  }
}
