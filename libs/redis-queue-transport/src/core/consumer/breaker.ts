import { Circuit } from './circuit.js';
import type { Delivery } from '../delivery/delivery.js';
import type { Outcome } from '../delivery/outcome.js';
import type { Runtime, Timer } from '../process/runtime.js';

export interface BreakerEvents {
  /** From now on, at most this many may be held. */
  limited(limit: number): void;
  /** Nearly every attempt fails, the last one with this error. */
  slowed(error: unknown): void;
  /** Attempts succeed again, after this many ms. */
  recovered(slowedMs: number): void;
}

/** A queue that is slowed down because nearly every attempt fails. */
export interface Slowdown {
  readonly sinceMs: number;
  /** The error of the last failed attempt. */
  readonly error: unknown;
}

/** Watches how the attempts of one queue end, and slows the queue down with a {@link Circuit}. */
export class Breaker {
  readonly #circuit: Circuit;
  #lastError: unknown;
  #lastCounted: unknown;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(
    concurrency: number,
    private readonly events: BreakerEvents,
    private readonly runtime: Runtime,
  ) {
    this.#circuit = new Circuit(concurrency);
  }

  get slowdown(): Slowdown | undefined {
    if (!this.#circuit.isOpen) return undefined;
    return { sinceMs: this.runtime.now() - this.#circuit.openedAtMs, error: this.#lastError };
  }

  /**
   * Some failures do not predict whether the next message succeeds: errors that are not worth a retry, messages that the
   * handler postponed, requests whose caller got the error, and messages that have failed before. The first failure of
   * any other message counts, even if only one attempt is allowed.
   */
  ended({ envelope }: Delivery, outcome: Outcome): void {
    if (outcome.kind === 'ack') {
      if (!this.#circuit.isSettled && outcome.isFailure !== true) this.#succeeded();
    } else if (outcome.kind === 'retry') {
      this.#lastError = outcome.error;
      if (envelope.attempt - envelope.postponed === 1) this.#failed(outcome.error);
    } else if (outcome.kind === 'deadLetter' && outcome.failure !== undefined) {
      this.#lastError = outcome.failure;
      this.#failed(outcome.failure);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.runtime.clearTimeout(this.#timer);
  }

  #succeeded(): void {
    const slowdown = this.slowdown;
    this.#circuit.succeeded();
    if (slowdown === undefined) return;
    this.runtime.clearTimeout(this.#timer);
    this.events.limited(this.#circuit.limit);
    if (!this.#circuit.isOpen) this.events.recovered(slowdown.sinceMs);
  }

  #failed(error: unknown): void {
    // All messages of a failed batch failed in one attempt.
    const isSameAttempt = typeof error === 'object' && error === this.#lastCounted;
    if (isSameAttempt || this.#isStopped) return;
    this.#lastCounted = error;
    const wasOpen = this.#circuit.isOpen;
    const now = this.runtime.now();
    if (!this.#circuit.failed(now)) return;
    this.#timer = this.runtime.setTimeout(() => this.#probe(), this.#circuit.pauseMs(now));
    this.events.limited(0);
    if (!wasOpen) this.events.slowed(error);
  }

  #probe(): void {
    this.#circuit.probe();
    this.events.limited(this.#circuit.limit);
  }
}
