/** How many messages in a row fail before it opens. Each success in between makes up for some failures. */
const OPENS_AT = 20;
const SUCCESS_MAKES_UP_FOR = 5;

/** How many messages are tried at once after a pause. */
export const PROBES = 3;

/** A pause is a quarter of the time since it opened: recovery is noticed within a quarter of the outage. */
const PAUSE_PART = 1 / 4;
const SHORTEST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Slows a queue down while nearly every attempt fails: then something that the handlers need is away, and each further
 * message would only use up an attempt. A state machine without a clock or timer of its own:
 *
 * - `closed`: everything is taken. It opens when {@link OPENS_AT} failures have not been made up for by successes. This
 *   cannot happen while more than one message in six succeeds.
 * - `pausing`: nothing is taken until {@link probe} is called.
 * - `probing`: a few are taken, twice as many after each success, until the full concurrency is reached. If they
 *   fail, it pauses again, for longer.
 *
 * Only the first failure of a message counts. A message that has failed before may always fail, and comes back at the
 * head of the queue: if it counted, a few such messages would keep good ones behind them waiting for ever.
 */
export class Circuit {
  #state: 'closed' | 'pausing' | 'probing' = 'closed';
  /** Failures minus what successes made up for. */
  #misses = 0;
  #limit = Infinity;
  #openedAtMs = 0;

  constructor(private readonly concurrency: number) {}

  /** Whether a success would change nothing. */
  get isSettled(): boolean {
    return this.#state === 'closed' && this.#misses === 0;
  }

  get isOpen(): boolean {
    return this.#state !== 'closed';
  }

  /** How many deliveries may be held at once. */
  get limit(): number {
    return this.#limit;
  }

  /** Only meaningful while it is open. */
  get openedAtMs(): number {
    return this.#openedAtMs;
  }

  /** How long it pauses from now on, in ms. */
  pauseMs(nowMs: number): number {
    const part = (nowMs - this.#openedAtMs) * PAUSE_PART;
    return Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, part));
  }

  /** The pause is over. */
  probe(): void {
    if (this.#state === 'pausing') this.#go('probing', PROBES);
  }

  succeeded(): void {
    if (this.#state === 'closed') {
      this.#misses = Math.max(0, this.#misses - SUCCESS_MAKES_UP_FOR);
      return;
    }
    // This also happens in a pause: a handler that started earlier has ended.
    const limit = 2 * Math.max(PROBES, this.#limit);
    if (limit < this.concurrency) this.#go('probing', limit);
    else this.#go('closed', Infinity);
  }

  /** True if a pause begins. */
  failed(nowMs: number): boolean {
    if (this.#state === 'pausing') return false;
    this.#misses += 1;
    const most = this.#state === 'closed' ? OPENS_AT : Math.min(OPENS_AT, this.#limit);
    if (this.#misses < most) return false;
    if (this.#state === 'closed') this.#openedAtMs = nowMs;
    this.#go('pausing', 0);
    return true;
  }

  #go(state: 'closed' | 'pausing' | 'probing', limit: number): void {
    this.#state = state;
    this.#limit = limit;
    this.#misses = 0;
  }
}
