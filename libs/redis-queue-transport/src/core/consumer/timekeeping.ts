import { performance } from 'node:perf_hooks';
import type { TimeStep } from '../broker/broker.js';

/**
 * How much later than the one that keeps the time the others look for what is due, should it be gone or stand still: so
 * that what a delayed message costs does not grow with the number of consumers.
 */
const LEAST_BEHIND_MS = 10_000;
const MOST_BEHIND_MS = 20_000;

/** What Node's timers can take. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface TimekeepingEvents {
  /** It is time to look for what is due. */
  due(): void;
}

/**
 * Knows when something is due, and so when its consumer is to look; and whether this consumer keeps the time of its queue,
 * which is to see to it that what is due is handed out in time, by whichever consumer.
 */
export class Timekeeping {
  #isTimekeeper = false;
  /** What the next exchange is to do about that: find out whether somebody keeps the time, or leave it to others. */
  #step: TimeStep | undefined = 'keep';
  #mustRelease = false;
  /** What is due first of that of which it was told since the last exchange began: Redis time in ms. */
  #heardDueMs = Infinity;
  #timer: NodeJS.Timeout | undefined;
  /** When the next look is due, by `performance.now()`. */
  #lookAt = Infinity;

  constructor(
    /** Redis's time. */
    private readonly nowMs: () => number,
    /** Looks are planned while it is true. */
    private readonly isConsuming: () => boolean,
    private readonly events: TimekeepingEvents,
  ) {}

  /** Something is due, which others may take although this consumer has no place for it. */
  get mustRelease(): boolean {
    return this.#mustRelease;
  }

  /** It keeps the time, and is to give that up. */
  get mustYield(): boolean {
    return this.#step === 'yield';
  }

  /** Something was scheduled that is due then, before all else. */
  hear(dueMs: number): void {
    this.#heardDueMs = Math.min(this.#heardDueMs, dueMs);
    this.lookIn(dueMs - this.nowMs());
  }

  /** The next exchange finds out whether somebody keeps the time. */
  askWhoKeeps(): void {
    if (!this.#isTimekeeper) this.#step = 'keep';
  }

  /** An exchange begins, which does this about the time. */
  takeStep(): TimeStep | undefined {
    const step = this.#step;
    this.#step = undefined;
    this.#mustRelease = false;
    this.#heardDueMs = Infinity;
    return step;
  }

  /** It failed: the next one is to do it. */
  putBack(step: TimeStep | undefined): void {
    this.#step ??= step;
  }

  /** It was answered. */
  answered(step: TimeStep | undefined, isTimekeeper: boolean): void {
    if (step !== undefined) this.#isTimekeeper = isTimekeeper;
  }

  /** Plans the next look anew: for what is due in so many ms, if anything is. */
  planLook(dueInMs: number | undefined): void {
    this.#lookAt = Infinity;
    if (dueInMs === undefined) clearTimeout(this.#timer);
    else this.lookIn(dueInMs + this.#behindMs());
    this.#addHeard();
  }

  /** Plans the next look anew: in so many ms. */
  planLookIn(ms: number): void {
    this.#lookAt = Infinity;
    this.lookIn(ms);
    this.#addHeard();
  }

  /** It was told while the exchange was under way, which may not know of it. */
  #addHeard(): void {
    if (this.#heardDueMs !== Infinity) this.lookIn(this.#heardDueMs - this.nowMs());
  }

  #behindMs(): number {
    if (this.#isTimekeeper) return 0;
    return LEAST_BEHIND_MS + Math.random() * (MOST_BEHIND_MS - LEAST_BEHIND_MS);
  }

  /** Or sooner, where that was planned before. */
  lookIn(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#lookAt || !this.isConsuming()) return;
    this.#lookAt = at;
    clearTimeout(this.#timer);
    const inMs = Math.min(Math.max(0, ms), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => {
      this.#lookAt = Infinity;
      this.#mustRelease = this.#isTimekeeper;
      this.events.due();
    }, inMs);
  }

  /** Leaves it to others, if it keeps the time. */
  giveUp(): void {
    this.#step = this.#isTimekeeper ? 'yield' : undefined;
  }

  /** The lease is lost, and with it the office. */
  forget(): void {
    this.#isTimekeeper = false;
    this.#step = 'keep';
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
