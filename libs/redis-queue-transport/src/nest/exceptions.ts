import { RpcException } from '@nestjs/microservices';
import { invalid } from '../core/options.js';

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
  /** Pause in ms; undefined for the pause of the retry policy. */
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
  constructor(reason: string) {
    super(reason);
    this.name = 'DeadLetter';
  }
}
