/** So many messages in a row fail before it opens; each that succeeds in between makes up for some of them. */
const OPENS_AT = 20;
const SUCCESS_MAKES_UP_FOR = 5;

/** So many are tried after a pause. One could be a message that fails always. */
export const PROBES = 3;

/** A pause is a quarter of the time since it opened, so that an end is noticed within a quarter of what there was. */
const PAUSE_PART = 1 / 4;
const SHORTEST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Slows a queue down while nearly every attempt fails: what the handlers need is away then, and each further message
 * would only use up an attempt. A state machine without a clock or a timer of its own:
 *
 * - `closed`: everything is taken. It opens when failures of {@link OPENS_AT} different messages outweigh what succeeds:
 *   with more than one success in six they do not.
 * - `pausing`: nothing is taken until {@link probe} is called.
 * - `probing`: a few are taken, twice as many with each success, and all of them again once that is as many as may run. When
 *   they fail too, it pauses again, for longer.
 */
export class Circuit {
  #state: 'closed' | 'pausing' | 'probing' = 'closed';
  /** Failures that were not made up for. */
  #misses = 0;
  /** Messages whose failures were counted: one message that fails again and again says nothing of the others. */
  #counted: string[] = [];
  #limit = Infinity;
  #openedAtMs = 0;

  constructor(private readonly concurrency: number) {}

  /** Whether there is nothing that a success could change. */
  get isSettled(): boolean {
    return this.#state === 'closed' && this.#misses === 0;
  }

  get isOpen(): boolean {
    return this.#state !== 'closed';
  }

  /** How many may be held at once. */
  get limit(): number {
    return this.#limit;
  }

  /** Meaningful while it is open. */
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
      if (this.#misses === 0) this.#counted = [];
      return;
    }
    // In a pause as well: something that began before it has ended.
    const limit = 2 * Math.max(PROBES, this.#limit);
    if (limit < this.concurrency) this.#go('probing', limit);
    else this.#go('closed', Infinity);
  }

  /** True when a pause begins. */
  failed(messageId: string | undefined, nowMs: number): boolean {
    if (this.#state === 'pausing') return false;
    if (this.#state === 'closed' && !this.#isNew(messageId)) return false;
    this.#misses += 1;
    const most = this.#state === 'closed' ? OPENS_AT : Math.min(OPENS_AT, this.#limit);
    if (this.#misses < most) return false;
    if (this.#state === 'closed') this.#openedAtMs = nowMs;
    this.#go('pausing', 0);
    return true;
  }

  #isNew(messageId: string | undefined): boolean {
    if (messageId === undefined) return true;
    if (this.#counted.includes(messageId)) return false;
    this.#counted.push(messageId);
    if (this.#counted.length > 2 * OPENS_AT) this.#counted.shift();
    return true;
  }

  #go(state: 'closed' | 'pausing' | 'probing', limit: number): void {
    this.#state = state;
    this.#limit = limit;
    this.#misses = 0;
    this.#counted = [];
  }
}
