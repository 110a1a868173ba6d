import type { Tenure } from '../lease/tenure.js';
import type { Runtime } from '../process/runtime.js';

/**
 * - `new`: has not joined its queue.
 * - `consuming`: takes messages.
 * - `paused`: takes nothing for now, since its server was paused; running handlers go on.
 * - `draining`: takes nothing more; running handlers go on.
 * - `stopping`: the same, until a deadline.
 * - `handingBack`: hands back what still ran at the deadline, and sends the last settlements.
 * - `left`: does nothing any more.
 */
export type Phase =
  'new' | 'consuming' | 'paused' | 'draining' | 'stopping' | 'handingBack' | 'left';

const FOLLOWING: Readonly<Record<Phase, readonly Phase[]>> = {
  new: ['consuming', 'draining', 'left'],
  consuming: ['paused', 'draining'],
  paused: ['consuming', 'draining'],
  draining: ['stopping'],
  stopping: ['handingBack'],
  handingBack: ['left'],
  left: [],
};

/** Two exchanges in a row found nothing. (After only one, callers that wait for replies may all continue together.) */
const QUIET_AFTER = 2;

/** While a queue is quiet, at most one exchange in this many ms. */
export const CALM_EXCHANGE_MS = 2;

/**
 * What a consumer is doing. Every transition goes through here, and an invalid one throws: at most one exchange and one
 * wait are running, each started in a tenure that was not over, and phases follow each other only as listed.
 */
export class ConsumerState {
  #phase: Phase = 'new';
  #isPaused = false;
  /** News of a pause has arrived since the last exchange began. */
  #hasHeardPause = false;
  #isExchanging = false;
  /** Ends the running wait. */
  #waiting: AbortController | undefined;
  /** Reused for each wait until it fires: creating one is a large part of the cost of an idle wait. */
  #waitEnder = new AbortController();
  #mustLook = true;
  /** Exchanges in a row that found nothing. */
  #inVain = 0;
  #exchangedAt = 0;
  /**
   * When an exchange without a wait beside it last returned: only that shows whether the list holds unknown elements.
   */
  #checkedAt = 0;

  constructor(private readonly runtime: Pick<Runtime, 'now'>) {}

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

  /** An exchange is worthwhile although nothing has ended. */
  get mustLook(): boolean {
    return this.#mustLook;
  }

  /** Messages arrive one by one, and the last exchange was just now. */
  get isCalm(): boolean {
    if (this.#inVain < QUIET_AFTER) return false;
    return this.runtime.now() - this.#exchangedAt < CALM_EXCHANGE_MS;
  }

  /** How long ago, in ms, an exchange last showed what the list holds. */
  get uncheckedMs(): number {
    return this.runtime.now() - this.#checkedAt;
  }

  go(phase: Phase): void {
    const isNext = FOLLOWING[this.#phase].includes(phase);
    assert(isNext, `it cannot go from "${this.#phase}" to "${phase}"`);
    this.#phase = phase;
  }

  /** The reply to an exchange that began before this news does not know of it. */
  get hasHeardPause(): boolean {
    return this.#hasHeardPause;
  }

  hearPause(): void {
    this.#hasHeardPause = true;
  }

  /** True if the queue was not yet known to be paused. */
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
    this.#exchangedAt = this.runtime.now();
    this.#mustLook = false;
    this.#hasHeardPause = false;
    return held;
  }

  /** `taken` of at most `take` elements arrived; if `isCut`, more may be waiting. */
  exchanged(take: number, taken: number, isCut: boolean): void {
    assert(this.#isExchanging, 'a result without an exchange');
    if (!this.isWaiting) this.#checkedAt = this.runtime.now();
    if (take === 0) return;
    this.#inVain = taken === 0 ? this.#inVain + 1 : 0;
    // A full reply means that there may be more.
    if (taken === take || isCut) this.#mustLook = true;
  }

  /** The exchange failed, so it has shown nothing. */
  exchangeFailed(): void {
    this.#mustLook = true;
    this.#inVain = 0;
  }

  endExchange(): void {
    assert(this.#isExchanging, 'the end of an exchange that never began');
    this.#isExchanging = false;
  }

  /** Returns the signal that ends it: {@link endWaitSoon}. */
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
    assert(this.#waiting !== undefined, 'the end of a wait that never began');
    this.#waiting = undefined;
  }

  /** Ends the running wait soon. */
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
    `A consumer is in an impossible state: ${what}. This is a bug in nestjs-redis-queue-transport.`,
  );
}
