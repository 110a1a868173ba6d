import { RpcException } from '@nestjs/microservices';
import { isMarked, mark } from '../../core/errors/mark.js';
import { invalid } from '../../core/options/options.js';

const RETRY_LATER = mark('retryLater');
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

export function isDeadLetter(thrown: unknown): thrown is DeadLetter {
  return isMarked(thrown, DEAD_LETTER);
}
