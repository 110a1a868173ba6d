import type { TimeStep } from '../broker/lease.js';
import type { Runtime, Timer } from '../process/runtime.js';

/**
 * How much later than the timekeeper the others look for due messages, in case the timekeeper is dead or frozen. So the
 * cost of a delayed message does not grow with the number of consumers.
 */
const LEAST_BEHIND_MS = 10_000;
const MOST_BEHIND_MS = 20_000;

/** The longest delay that Node's timers support. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface TimekeepingEvents {
  /** It is time to look for due messages. */
  due(): void;
}

/**
 * Knows when something is due, and so when its consumer must look. Also knows whether this consumer is the timekeeper
 * of its queue, which makes sure that due messages are handed out in time, by any consumer.
 */
export class Timekeeping {
  #isTimekeeper = false;
  /** The timekeeping step of the next exchange: become the timekeeper if there is none, or yield. */
  #step: TimeStep | undefined = 'keep';
  #mustRelease = false;
  /** The earliest due time in the news since the last exchange began: Redis time in ms. */
  #heardDueMs = Infinity;
  #timer: Timer | undefined;
  /** When the next look is due, by `Runtime.now`. */
  #lookAt = Infinity;

  constructor(
    /** Redis's time. */
    private readonly nowMs: () => number,
    /** Looks are only planned while it is true. */
    private readonly isConsuming: () => boolean,
    private readonly events: TimekeepingEvents,
    private readonly runtime: Runtime,
  ) {}

  /** Something is due. Other consumers may take it even if this one has no place. */
  get mustRelease(): boolean {
    return this.#mustRelease;
  }

  /** It is the timekeeper, and must give that up. */
  get mustYield(): boolean {
    return this.#step === 'yield';
  }

  /** Something was scheduled that is due then, earlier than everything else. */
  hear(dueMs: number): void {
    this.#heardDueMs = Math.min(this.#heardDueMs, dueMs);
    this.lookIn(dueMs - this.nowMs());
  }

  /** The next exchange finds out whether there is a timekeeper. */
  askWhoKeeps(): void {
    if (!this.#isTimekeeper) this.#step = 'keep';
  }

  /** An exchange begins. Returns its timekeeping step. */
  takeStep(): TimeStep | undefined {
    const step = this.#step;
    this.#step = undefined;
    this.#mustRelease = false;
    this.#heardDueMs = Infinity;
    return step;
  }

  /** The exchange failed: the next one repeats the step. */
  putBack(step: TimeStep | undefined): void {
    this.#step ??= step;
  }

  /** The exchange has returned. */
  answered(step: TimeStep | undefined, isTimekeeper: boolean): void {
    if (step !== undefined) this.#isTimekeeper = isTimekeeper;
  }

  /** Plans the next look for what is due in this many ms, if anything. */
  planLook(dueInMs: number | undefined): void {
    this.#lookAt = Infinity;
    if (dueInMs === undefined) this.runtime.clearTimeout(this.#timer);
    else this.lookIn(dueInMs + this.#behindMs());
    this.#addHeard();
  }

  /** Plans the next look in this many ms. */
  planLookIn(ms: number): void {
    this.#lookAt = Infinity;
    this.lookIn(ms);
    this.#addHeard();
  }

  /** The news arrived during the exchange, which may not include it. */
  #addHeard(): void {
    if (this.#heardDueMs !== Infinity) this.lookIn(this.#heardDueMs - this.nowMs());
  }

  #behindMs(): number {
    if (this.#isTimekeeper) return 0;
    return LEAST_BEHIND_MS + this.runtime.random() * (MOST_BEHIND_MS - LEAST_BEHIND_MS);
  }

  /** Keeps an earlier planned look. */
  lookIn(ms: number): void {
    const at = this.runtime.now() + ms;
    if (at >= this.#lookAt || !this.isConsuming()) return;
    this.#lookAt = at;
    this.runtime.clearTimeout(this.#timer);
    const inMs = Math.min(Math.max(0, ms), LONGEST_TIMER_MS);
    this.#timer = this.runtime.setTimeout(() => {
      this.#lookAt = Infinity;
      this.#mustRelease = this.#isTimekeeper;
      this.events.due();
    }, inMs);
  }

  /** Yields, if this consumer is the timekeeper. */
  giveUp(): void {
    this.#step = this.#isTimekeeper ? 'yield' : undefined;
  }

  /** The next exchange asks for timekeeping again, even if it was to be given up. */
  takeUp(): void {
    this.#step = 'keep';
  }

  /** The lease is lost, and timekeeping with it. */
  forget(): void {
    this.#isTimekeeper = false;
    this.#step = 'keep';
  }

  stop(): void {
    this.runtime.clearTimeout(this.#timer);
  }
}
