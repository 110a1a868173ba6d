import { RedisRefusedError } from '../errors/call-errors.js';
import type { Runtime } from '../process/runtime.js';

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

/**
 * A refused call is tried again within a second. Without another refusal for this long, calls count as accepted again.
 */
const REFUSED_LATELY_MS = 5_000;

/** Knows whether calls to Redis fail, and reports it. */
export class Trouble {
  #isOn = false;
  /** The current refusals; times by `Runtime.now`. */
  #refused: { since: number; lastAt: number; error: RedisRefusedError } | undefined;

  constructor(
    private readonly events: TroubleEvents,
    private readonly runtime: Pick<Runtime, 'now'>,
  ) {}

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
   * Undefined while Redis refuses nothing. A call that works does not end a refusal: a full Redis refuses waits but not
   * exchanges, and a Redis user may lack the permission for only one of them.
   */
  get refusal(): Refusal | undefined {
    const now = this.runtime.now();
    const refused = this.#refused;
    if (refused === undefined || now - refused.lastAt > REFUSED_LATELY_MS) return undefined;
    return { sinceMs: now - refused.since, error: refused.error };
  }

  #note(error: RedisRefusedError): void {
    const now = this.runtime.now();
    const isNew = this.refusal === undefined;
    const since = isNew ? now : (this.#refused?.since ?? now);
    this.#refused = { since, lastAt: now, error };
  }
}
