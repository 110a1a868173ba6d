import { performance } from 'node:perf_hooks';
import type { Tenure } from '../lease/tenure.js';

/**
 * - `new`: has not joined its queue.
 * - `consuming`: takes.
 * - `draining`: takes nothing more; what runs goes on.
 * - `stopping`: the same, until a deadline.
 * - `handingBack`: what still ran at the deadline goes back, and the last settlements go out.
 * - `left`: nothing happens any more.
 */
export type Phase = 'new' | 'consuming' | 'draining' | 'stopping' | 'handingBack' | 'left';

const FOLLOWING: Readonly<Record<Phase, readonly Phase[]>> = {
  new: ['consuming', 'draining', 'left'],
  consuming: ['draining'],
  draining: ['stopping'],
  stopping: ['handingBack'],
  handingBack: ['left'],
  left: [],
};

/** Two exchanges in a row that found nothing. (After one, callers that all wait for their replies may go on together.) */
const QUIET_AFTER = 2;

/** While a queue is quiet, no more than one exchange in so many ms. */
export const CALM_EXCHANGE_MS = 2;

/**
 * What a consumer is doing. Every change of that goes through here, and what must not be throws: at most one exchange and
 * at most one wait are under way, each in a tenure that is not over when it begins, and a phase follows only its own.
 */
export class ConsumerState {
  #phase: Phase = 'new';
  #isPaused = false;
  #isExchanging = false;
  /** Ends the wait that is under way. */
  #waiting: AbortController | undefined;
  /** Serves wait after wait until it fires: making one is a good part of what a wait in vain costs. */
  #waitEnder = new AbortController();
  #mustLook = true;
  /** Exchanges in a row that found nothing. */
  #inVain = 0;
  #exchangedAt = 0;
  /** When an exchange was answered last beside no wait: only that shows whether the list holds more than is known. */
  #checkedAt = 0;

  get phase(): Phase {
    return this.#phase;
  }

  get isConsuming(): boolean {
    return this.#phase === 'consuming';
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isExchanging(): boolean {
    return this.#isExchanging;
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** An exchange is worth while although nothing ended. */
  get mustLook(): boolean {
    return this.#mustLook;
  }

  /** Messages come one by one, and an exchange was made just now. */
  get isCalm(): boolean {
    if (this.#inVain < QUIET_AFTER) return false;
    return performance.now() - this.#exchangedAt < CALM_EXCHANGE_MS;
  }

  /** For how long no exchange has shown what the list holds, in ms. */
  get uncheckedMs(): number {
    return performance.now() - this.#checkedAt;
  }

  go(phase: Phase): void {
    const isNext = FOLLOWING[this.#phase].includes(phase);
    assert(isNext, `one that is ${this.#phase} is to be ${phase}`);
    this.#phase = phase;
  }

  /** True when the queue was not known to be paused before. */
  followPause(isPaused: boolean): boolean {
    const isNew = isPaused && !this.#isPaused;
    this.#isPaused = isPaused;
    return isNew;
  }

  look(): void {
    this.#mustLook = true;
  }

  beginExchange(tenure: Tenure | undefined): Tenure {
    assert(!this.#isExchanging, 'two exchanges at a time');
    const held = assertHeld(tenure);
    this.#isExchanging = true;
    this.#exchangedAt = performance.now();
    this.#mustLook = false;
    return held;
  }

  /** `taken` of at most `take` came; more may wait where it `isCut`. */
  exchanged(take: number, taken: number, isCut: boolean): void {
    assert(this.#isExchanging, 'an answer to no exchange');
    if (!this.isWaiting) this.#checkedAt = performance.now();
    if (take === 0) return;
    this.#inVain = taken === 0 ? this.#inVain + 1 : 0;
    // A full answer means that there may be more.
    if (taken === take || isCut) this.#mustLook = true;
  }

  /** What there was to be seen is still there to be seen. */
  exchangeFailed(): void {
    this.#mustLook = true;
    this.#inVain = 0;
  }

  endExchange(): void {
    assert(this.#isExchanging, 'an end of no exchange');
    this.#isExchanging = false;
  }

  /** Answers with what ends it: {@link endWaitSoon}. */
  beginWait(tenure: Tenure | undefined): readonly [Tenure, AbortSignal] {
    assert(this.#waiting === undefined, 'two waits at a time');
    const held = assertHeld(tenure);
    if (this.#waitEnder.signal.aborted) this.#waitEnder = new AbortController();
    this.#waiting = this.#waitEnder;
    return [held, this.#waitEnder.signal];
  }

  waitFailed(): void {
    this.#inVain = 0;
  }

  endWait(): void {
    assert(this.#waiting !== undefined, 'an end of no wait');
    this.#waiting = undefined;
  }

  /** Has the wait that is under way end. */
  endWaitSoon(): void {
    this.#waiting?.abort();
  }
}

function assertHeld(tenure: Tenure | undefined): Tenure {
  if (tenure?.isOver === false) return tenure;
  throw violated('a call without a lease');
}

function assert(holds: boolean, otherwise: string): void {
  if (!holds) throw violated(otherwise);
}

function violated(what: string): Error {
  return new Error(
    `A consumer is in a state that cannot be: ${what}. This is a bug in the library.`,
  );
}
