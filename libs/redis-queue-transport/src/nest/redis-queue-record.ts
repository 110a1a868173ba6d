import type { Codec } from '../core/codec.js';
import { InvalidOptionError } from '../core/errors.js';
import { mark } from '../core/mark.js';
import { invalid, resolveOptions, text, wholeNumber } from '../core/options.js';
import type { Rule, Rules } from '../core/options.js';
import { codecRule } from './codec-options.js';
import { flag } from './event-options.js';

/** What one message says beyond its data. */
export interface RedisQueueRecordOptions {
  readonly id?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly delayMs?: number | undefined;
  readonly deliverAt?: Date | undefined;
  readonly expiresInMs?: number | undefined;
  readonly deduplicateMs?: number | undefined;
  readonly codec?: Codec | undefined;
  readonly isMandatory?: boolean | undefined;
}

const RECORD = mark('record');

const idRule = text('text that is not empty', (id) => id !== '');

const headersRule: Rule<Readonly<Record<string, string>>> = (headers, option) => {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    throw invalid(option, 'an object of texts', headers);
  for (const [name, value] of Object.entries(headers))
    if (typeof value !== 'string') throw invalid(`${option}.${name}`, 'text', value);
  return headers as Readonly<Record<string, string>>; // each was looked at
};

const dateRule: Rule<Date> = (date, option) => {
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date;
  throw invalid(option, 'a valid Date', date);
};

const RECORD_RULES: Rules<RedisQueueRecordOptions> = {
  id: idRule,
  headers: headersRule,
  delayMs: wholeNumber('milliseconds', 0),
  deliverAt: dateRule,
  expiresInMs: wholeNumber('milliseconds', 1),
  deduplicateMs: wholeNumber('milliseconds', 1),
  codec: codecRule,
  isMandatory: (value, option) => flag(value, option),
};

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
    resolveOptions<RedisQueueRecordOptions>(options, RECORD_RULES, {}, 'RedisQueueRecord');
    const { id, delayMs, deliverAt, deduplicateMs } = options;
    if (deduplicateMs !== undefined && id === undefined) {
      throw new InvalidOptionError(
        'deduplicate',
        'deduplicate needs the id by which equal messages are known: add id()',
      );
    }
    if (delayMs !== undefined && deliverAt !== undefined) {
      throw new InvalidOptionError(
        'delay',
        'delay and deliverAt exclude each other: give one of them',
      );
    }
  }
}

/**
 * Builds a record:
 * `client.enqueue('mail.send', new RedisQueueRecordBuilder(mail).id(mail.id).headers({ tenant }).build())`.
 *
 * Delay is for `enqueue`, deduplication for `enqueue` and `emit`, `mandatory` for `emit`: a client refuses them
 * elsewhere. Each method throws `InvalidOptionError` for a value that it cannot take.
 */
export class RedisQueueRecordBuilder<T> {
  #options: RedisQueueRecordOptions = {};

  constructor(private readonly data: T) {}

  /** The message's id, instead of one that the client makes. */
  id(id: string): this {
    return this.#with({ id: idRule(id, 'id') });
  }

  /** Adds headers, which the handler finds in its context. */
  headers(headers: Readonly<Record<string, string>>): this {
    headersRule(headers, 'headers');
    return this.#with({ headers: { ...this.#options.headers, ...headers } });
  }

  /** Hands the message out no earlier than after so many ms. */
  delay(ms: number): this {
    return this.#with({ delayMs: wholeMs('delay', ms, 0) });
  }

  /** Hands the message out no earlier than at this time of Redis's clock. */
  deliverAt(date: Date): this {
    return this.#with({ deliverAt: dateRule(date, 'deliverAt') });
  }

  /** Has `emit` fail with `NobodyListensError` when neither a group nor a live listener got the event. */
  mandatory(): this {
    return this.#with({ isMandatory: true });
  }

  /** Drops and counts the message when it is handed out later than so many ms after it was sent; retries too. */
  expiresIn(ms: number): this {
    return this.#with({ expiresInMs: wholeMs('expiresIn', ms, 1) });
  }

  /**
   * For so many ms, a further message with the same id, also from another process, is not added: sending again after
   * `OutcomeUnknownError` yields one message. Needs `id()`.
   */
  deduplicate(windowMs: number): this {
    return this.#with({ deduplicateMs: wholeMs('deduplicate', windowMs, 1) });
  }

  /** Writes the data with this codec in place of the client's. Replies to a `send` come in it too, and are read. */
  codec(codec: Codec): this {
    return this.#with({ codec: codecRule(codec, 'codec') });
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

function wholeMs(option: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw invalid(option, `a whole number of milliseconds ≥ ${least}`, value);
}

/** Which method of the builder says what: errors name what the user wrote. */
const METHODS = {
  delayMs: 'delay',
  deliverAt: 'deliverAt',
  expiresInMs: 'expiresIn',
  deduplicateMs: 'deduplicate',
  isMandatory: 'mandatory',
} as const;

/** And which verbs keep it. */
const VERBS = {
  delayMs: 'enqueue()',
  deliverAt: 'enqueue()',
  expiresInMs: 'enqueue()',
  deduplicateMs: 'enqueue() and emit()',
  isMandatory: 'emit()',
} as const;

/** What a verb cannot keep it refuses, rather than dropping it without a word. @throws InvalidOptionError */
export function refuseSettings(
  options: RedisQueueRecordOptions,
  verb: string,
  refused: readonly (keyof typeof METHODS)[],
): void {
  for (const option of refused) {
    if (options[option] === undefined) continue;
    const method = METHODS[option];
    throw new InvalidOptionError(
      method,
      `${verb}() cannot keep ${method}: it is for ${VERBS[option]}`,
    );
  }
}
