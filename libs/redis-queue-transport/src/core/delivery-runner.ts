import type { Delivery } from './delivery.js';
import { HandlerTimeoutError } from './errors.js';
import { outcomeOf } from './outcome.js';
import type { Outcome, Result } from './outcome.js';
import type { RetryPolicy } from './retry.js';

/** The user's handler, as core sees it. */
export interface DeliveryHandler {
  /** Runs it and says how it ended. A rejection counts as a handler that failed. */
  run(delivery: Delivery): Promise<Result>;
  /** It did not end in time: says how it ended then. Must not throw. */
  timedOut(delivery: Delivery, error: HandlerTimeoutError): Result;
}

export interface DeliveryRunnerOptions {
  readonly retry: RetryPolicy;
  /** How long, in ms, a handler may take; undefined for as long as it likes. */
  readonly timeoutMs?: number | undefined;
}

/** Runs one delivery to its outcome. */
export class DeliveryRunner {
  constructor(
    private readonly handler: DeliveryHandler,
    private readonly options: DeliveryRunnerOptions,
  ) {}

  /** Never rejects. */
  run(delivery: Delivery): Promise<Outcome> {
    const { retry, timeoutMs } = this.options;
    const { attempt } = delivery.envelope;
    const result =
      timeoutMs === undefined
        ? this.handler.run(delivery)
        : this.#handleInTime(delivery, timeoutMs);
    return result.then(
      (ended) => outcomeOf(ended, attempt, retry),
      (error: unknown) => outcomeOf({ kind: 'failed', error }, attempt, retry),
    );
  }

  /** A handler cannot be stopped: past its time its signal fires, and what it still does no longer counts. */
  async #handleInTime(delivery: Delivery, timeoutMs: number): Promise<Result> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<Result>((resolve) => {
      timer = setTimeout(() => {
        const error = new HandlerTimeoutError(delivery.queue, timeoutMs);
        delivery.abort(error);
        resolve(this.handler.timedOut(delivery, error));
      }, timeoutMs);
    });
    try {
      return await Promise.race([this.handler.run(delivery), timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
}
