import type { Delivery } from './delivery.js';
import { HandlerTimeoutError } from '../errors/errors.js';
import type { NotHandledError } from '../errors/errors.js';
import { outcomeOf } from './outcome.js';
import type { Outcome, Result } from './outcome.js';
import type { RetryPolicy } from './retry.js';
import type { Gate } from '../lease/start-gate.js';

/** The user's handler, as core sees it. */
export interface DeliveryHandler {
  /** Runs it and says how it ended. A rejection counts as a handler that failed. */
  run(delivery: Delivery): Promise<Result>;
  /** It did not end in time: says how it ended then. Must not throw. */
  timedOut(delivery: Delivery, error: HandlerTimeoutError): Result;
  /** It is not run, for this reason, and who asked wants to know. Must not throw. Absent where nobody is answered. */
  refuse?(delivery: Delivery, error: NotHandledError): void;
  /**
   * As {@link run}, for a handler that ends many at once: tells `end` how this one ended, once and not before `begin` has
   * returned. Preferred where it is there, as a promise for each would cost more than the rest.
   */
  begin?(delivery: Delivery, end: (result: Result) => void): void;
  /**
   * Forgets what it was given and has not begun, and answers it, in order: their results never come. Absent where
   * `run` begins at once.
   */
  takeBackUnstarted?(): readonly Delivery[];
  /** Gives it the gate that it has to ask itself before it begins. Absent where `run` begins at once. */
  useGate?(gate: Gate): void;
}

const NONE: readonly Delivery[] = [];

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
    const { attempt, postponed } = delivery.envelope;
    const result =
      timeoutMs === undefined
        ? this.handler.run(delivery)
        : this.#handleInTime(delivery, timeoutMs);
    return result.then(
      (ended) => outcomeOf(ended, attempt, retry, postponed),
      (error: unknown) => outcomeOf({ kind: 'failed', error }, attempt, retry, postponed),
    );
  }

  /** Tells who asked that it is not run. */
  refuse(delivery: Delivery, error: NotHandledError): void {
    this.handler.refuse?.(delivery, error);
  }

  /** Tells `end` the outcome, once and not before this has returned. */
  begin(delivery: Delivery, end: (outcome: Outcome) => void): void {
    const { handler, options } = this;
    if (handler.begin === undefined) return void this.run(delivery).then(end);
    const { attempt, postponed } = delivery.envelope;
    const { retry } = options;
    handler.begin(delivery, (result) => end(outcomeOf(result, attempt, retry, postponed)));
  }

  /** The handler asks the gate itself, as it begins later than it is given something. */
  get asksGate(): boolean {
    return this.handler.useGate !== undefined;
  }

  useGate(gate: Gate): void {
    this.handler.useGate?.(gate);
  }

  /** What was given to {@link run} and has not begun; it never ends. */
  takeBackUnstarted(): readonly Delivery[] {
    return this.handler.takeBackUnstarted?.() ?? NONE;
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
