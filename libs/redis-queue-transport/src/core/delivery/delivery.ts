import type { Envelope } from '../message/envelope.js';

/** One envelope handed to one consumer once. */
export class Delivery {
  /** True for an event that no consumer holds or settles. */
  readonly isLive: boolean = false;
  /** When its handler began, by `Runtime.now`; undefined before that, and if no observer needs it. */
  beganAt: number | undefined;
  #abort: AbortController | undefined;
  #abortReason: Error | undefined;
  #onAbort: (() => void) | undefined;

  constructor(
    readonly queue: string,
    /** The bytes that were taken, which settling needs. */
    readonly element: Buffer,
    private read: Envelope,
  ) {}

  get envelope(): Envelope {
    return this.read;
  }

  get id(): string | undefined {
    return this.read.id;
  }

  get attempt(): number {
    return this.read.attempt;
  }

  get pattern(): string | undefined {
    return this.read.pattern;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.read.headers;
  }

  get sentAtMs(): number | undefined {
    return this.read.sentAtMs;
  }

  /** Adds the body that was parked. */
  unpark(body: Buffer): void {
    this.read = { ...this.read, body };
  }

  /** Fires when the result no longer counts: the lease was lost, or the time to shut down is over. */
  get signal(): AbortSignal {
    // Made on first use: most handlers never need it, and a controller costs more than the rest of the delivery.
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason);
    }
    return this.#abort.signal;
  }

  get isAborted(): boolean {
    return this.#abortReason !== undefined;
  }

  /** A listener for the abort, called at once if it has already happened. Cheaper than the signal. */
  onAbort(tell: () => void): void {
    if (this.isAborted) return tell();
    this.#onAbort = tell;
  }

  abort(reason: Error): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#abort?.abort(reason);
    this.#onAbort?.();
  }
}

/** An event handed to one live handler: nobody holds it, and nobody settles it. */
export class LiveDelivery extends Delivery {
  override readonly isLive = true;
}
