import type { Delivery } from './delivery.js';
import { HandlerTimeoutError } from '../errors/abort-reasons.js';
import type { NotHandledError } from '../errors/request-errors.js';
import { outcomeOf } from './outcome.js';
import type { Outcome, Result } from './outcome.js';
import type { RetryPolicy } from './retry.js';
import type { Gate } from '../lease/start-gate.js';
import type { Runtime, Timer } from '../process/runtime.js';

/** The user's handler, as core sees it. */
export interface DeliveryHandler {
  /** Runs the delivery and resolves with how it ended. A rejection counts as a failure. */
  run(delivery: Delivery): Promise<Result>;
  /** Called when the handler did not end in time. Returns how the delivery ends. Must not throw. */
  timedOut(delivery: Delivery, error: HandlerTimeoutError): Result;
  /** Tells the caller of a request why it is not run. Must not throw. Absent if there are no callers. */
  refuse?(delivery: Delivery, error: NotHandledError): void;
  /**
   * Like {@link run}, for a handler that ends many deliveries at once. Calls `end` once with the result, after `begin`
   * has returned. Preferred if present, since a promise for each delivery would cost more than the rest.
   */
  begin?(delivery: Delivery, end: (result: Result) => void): void;
  /**
   * Removes and returns deliveries that have not started, in order. They get no result. Absent if `run` starts at once.
   */
  takeBackUnstarted?(): readonly Delivery[];
  /** Takes the gate that it must ask before a handler starts. Absent if `run` starts at once. */
  useGate?(gate: Gate): void;
}

const NONE: readonly Delivery[] = [];

export interface DeliveryRunnerOptions {
  readonly retry: RetryPolicy;
  /** How long, in ms, a handler may take; undefined for no limit. */
  readonly timeoutMs?: number | undefined;
}

/** Runs one delivery to its outcome. */
export class DeliveryRunner {
  constructor(
    private readonly handler: DeliveryHandler,
    private readonly options: DeliveryRunnerOptions,
    private readonly runtime: Runtime,
  ) {}

  /** Never rejects. */
  run(delivery: Delivery): Promise<Outcome> {
    const { runtime } = this;
    const { retry, timeoutMs } = this.options;
    const { attempt, postponed } = delivery.envelope;
    const result =
      timeoutMs === undefined
        ? this.handler.run(delivery)
        : this.#handleInTime(delivery, timeoutMs);
    return result.then(
      (ended) => outcomeOf(ended, attempt, retry, runtime, postponed),
      (error: unknown) => outcomeOf({ kind: 'failed', error }, attempt, retry, runtime, postponed),
    );
  }

  /** Tells the caller that the request is not run. */
  refuse(delivery: Delivery, error: NotHandledError): void {
    this.handler.refuse?.(delivery, error);
  }

  /** Calls `end` once with the outcome, after this method has returned. */
  begin(delivery: Delivery, end: (outcome: Outcome) => void): void {
    const { handler, options, runtime } = this;
    if (handler.begin === undefined) return void this.run(delivery).then(end);
    const { attempt, postponed } = delivery.envelope;
    const { retry } = options;
    handler.begin(delivery, (result) => end(outcomeOf(result, attempt, retry, runtime, postponed)));
  }

  /** The handler asks the gate itself, since it starts later. */
  get asksGate(): boolean {
    return this.handler.useGate !== undefined;
  }

  useGate(gate: Gate): void {
    this.handler.useGate?.(gate);
  }

  /** Deliveries given to {@link run} that have not started; they never end. */
  takeBackUnstarted(): readonly Delivery[] {
    return this.handler.takeBackUnstarted?.() ?? NONE;
  }

  /** A handler cannot be stopped. After its time, its signal fires, and its result no longer counts. */
  async #handleInTime(delivery: Delivery, timeoutMs: number): Promise<Result> {
    let timer: Timer | undefined;
    const timeout = new Promise<Result>((resolve) => {
      timer = this.runtime.setTimeout(() => {
        const error = new HandlerTimeoutError(delivery.queue, timeoutMs);
        delivery.abort(error);
        resolve(this.handler.timedOut(delivery, error));
      }, timeoutMs);
    });
    try {
      return await Promise.race([this.handler.run(delivery), timeout]);
    } finally {
      this.runtime.clearTimeout(timer);
    }
  }
}
