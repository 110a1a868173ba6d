import { RpcException } from '@nestjs/microservices';
import { isMarked, mark } from '../../core/errors/mark.js';
import { invalid } from '../../core/options/options.js';

const RETRY_LATER = mark('retryLater');
const DEAD_LETTER = mark('deadLetter');

/**
 * Steers the outcome of a delivery. Nest's filters replace plain errors by plain objects; an `RpcException` whose
 * `getError()` is itself passes them as it is.
 */
abstract class SteeringException extends RpcException {
  override getError(): this {
    return this;
  }
}

/**
 * Thrown by a handler that wants its message back later. It uses up none of the retry policy's `attempts`, and nothing
 * bounds how often: look at `context.getAttempt()`, which counts these too, or at `context.getSentAt()`, or send with
 * `expiresIn`. A request comes back too, until its caller's deadline.
 * @throws InvalidOptionError when delayMs is no whole number ≥ 0
 */
export class RetryLater extends SteeringException {
  static {
    Object.defineProperty(this.prototype, RETRY_LATER, { value: true });
  }

  /** Pause in ms, of at least 1 in effect, so that others get their turn; undefined for that of the retry policy. */
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

/** Thrown by a handler that knows that trying again is of no use: parks the message with this reason. */
export class DeadLetter extends SteeringException {
  static {
    Object.defineProperty(this.prototype, DEAD_LETTER, { value: true });
  }

  constructor(reason: string) {
    super(reason);
    this.name = 'DeadLetter';
  }
}

/** Whether it is one, of whichever copy of this package. */
export function isRetryLater(thrown: unknown): thrown is RetryLater {
  return isMarked(thrown, RETRY_LATER);
}

export function isDeadLetter(thrown: unknown): thrown is DeadLetter {
  return isMarked(thrown, DEAD_LETTER);
}
