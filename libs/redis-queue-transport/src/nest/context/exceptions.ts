import { RpcException } from '@nestjs/microservices';
import { isMarked, mark } from '../../core/errors/mark.js';
import { invalid } from '../../core/options/options.js';

const RETRY_LATER = mark('retryLater');
const SLOW_DOWN = mark('slowDown');
const DEAD_LETTER = mark('deadLetter');

/**
 * Decides the outcome of a delivery. Nest's filters replace plain errors with plain objects, but an `RpcException`
 * whose `getError()` returns itself passes unchanged.
 */
abstract class SteeringException extends RpcException {
  override getError(): this {
    return this;
  }
}

/**
 * Throw it to get the message again later. It uses up none of the retry policy's `attempts`, and there is no limit: to
 * set one, check `context.getAttempt()`, which counts these too, or `context.getSentAt()`, or send with `expiresIn`.
 * Requests come back too, until the caller's deadline.
 * @throws InvalidOptionError if delayMs is not a whole number ≥ 0
 */
export class RetryLater extends SteeringException {
  static {
    Object.defineProperty(this.prototype, RETRY_LATER, { value: true });
  }

  /** Pause in ms, at least 1, so that other messages get their turn; undefined for the pause of the retry policy. */
  readonly delayMs: number | undefined;

  constructor(options: { readonly delayMs?: number | undefined } = {}) {
    const { delayMs } = options;
    if (delayMs !== undefined && !(Number.isSafeInteger(delayMs) && delayMs >= 0)) {
      throw invalid('delayMs', 'a whole number of milliseconds ≥ 0', delayMs);
    }
    super(delayMs === undefined ? 'Retry later' : `Retry in ${delayMs} ms`);
    this.name = 'RetryLater';
    this.delayMs = delayMs;
  }
}

/**
 * Throw it if the whole queue must wait, as when another service says how long not to call it (HTTP 429, `Retry-After`):
 * for this time, by Redis's clock, no process starts another message of this queue. What runs goes on. The message itself
 * comes first afterwards; as with {@link RetryLater}, this uses up none of the retry policy's `attempts`. If several
 * handlers throw it, the latest end counts.
 *
 * With `of: 'key'`, only the messages of this message's key wait, as when the service limits each customer. A message
 * without a key waits alone.
 * @throws InvalidOptionError if ms is not a whole number ≥ 1, or `of` is neither `queue` nor `key`
 */
export class SlowDown extends SteeringException {
  static {
    Object.defineProperty(this.prototype, SLOW_DOWN, { value: true });
  }

  readonly ms: number;
  /** What waits. */
  readonly of: 'queue' | 'key';

  /** @param options `of` is what waits, by default the `queue` */
  constructor(options: { readonly ms: number; readonly of?: 'queue' | 'key' | undefined }) {
    // JavaScript may call it without options.
    const { ms = NaN, of = 'queue' } = (options as typeof options | undefined) ?? {};
    if (!(Number.isSafeInteger(ms) && ms >= 1))
      throw invalid('ms', 'a whole number of milliseconds ≥ 1', ms);
    if (!['queue', 'key'].includes(of)) throw invalid('of', 'queue or key', of);
    super(`Slow down for ${ms} ms`);
    this.name = 'SlowDown';
    this.ms = ms;
    this.of = of;
  }
}

/** Throw it if trying again cannot help: the message is dead-lettered with this reason. */
export class DeadLetter extends SteeringException {
  static {
    Object.defineProperty(this.prototype, DEAD_LETTER, { value: true });
  }

  constructor(reason: string) {
    super(reason);
    this.name = 'DeadLetter';
  }
}

/** Also recognises exceptions of other copies of this package. */
export function isRetryLater(thrown: unknown): thrown is RetryLater {
  return isMarked(thrown, RETRY_LATER);
}

export function isSlowDown(thrown: unknown): thrown is SlowDown {
  return isMarked(thrown, SLOW_DOWN);
}

export function isDeadLetter(thrown: unknown): thrown is DeadLetter {
  return isMarked(thrown, DEAD_LETTER);
}
