import { RedisRefusedError } from '../errors/call-errors.js';

export interface TroubleEvents {
  /** A call to Redis failed; it is tried again after a pause. */
  failed(error: unknown): void;
  /** The first call that worked after failures. */
  recovered(): void;
}

/** Redis refuses calls of a consumer. */
export interface Refusal {
  /** For how long, in ms. */
  readonly sinceMs: number;
  readonly error: RedisRefusedError;
}

/** What is refused is tried again each second or sooner. If it is not refused again for so long, it is no longer refused. */
const REFUSED_LATELY_MS = 5_000;

/** Knows whether calls to Redis fail, and reports it. */
export class Trouble {
  #isOn = false;
  /** Of the present refusals, by `performance.now()`. */
  #refused: { since: number; lastAt: number; error: RedisRefusedError } | undefined;

  constructor(private readonly events: TroubleEvents) {}

  failed(error: unknown): void {
    this.#isOn = true;
    if (error instanceof RedisRefusedError) this.#note(error);
    this.events.failed(error);
  }

  succeeded(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.events.recovered();
  }

  /**
   * Undefined while nothing is refused. A call that works does not end it: a full Redis refuses waits and answers
   * exchanges, and a user may lack the permission for one of them.
   */
  get refusal(): Refusal | undefined {
    const now = performance.now();
    const refused = this.#refused;
    if (refused === undefined || now - refused.lastAt > REFUSED_LATELY_MS) return undefined;
    return { sinceMs: now - refused.since, error: refused.error };
  }

  #note(error: RedisRefusedError): void {
    const now = performance.now();
    const isNew = this.refusal === undefined;
    const since = isNew ? now : (this.#refused?.since ?? now);
    this.#refused = { since, lastAt: now, error };
  }
}
