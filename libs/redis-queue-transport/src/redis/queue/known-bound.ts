import type { HoldReply } from './hold.script.js';

/** How long a process believes that a queue has no bound. */
const BELIEVED_MS = 1_000;

/**
 * What one sender knows of the bound of a queue. It may add messages by a plain command for about a second after Redis
 * has said that the queue has no bound (docs/decisions/0024). A queue whose keys are read from data counts as one with a
 * bound.
 */
export class KnownBound {
  #state: 'unknown' | 'none' | 'some' = 'unknown';
  #askedAt = 0;

  /** Redis said that the queue has a bound, and nothing else since. */
  get isThere(): boolean {
    return this.#state === 'some';
  }

  /** Redis said that the queue has no bound, perhaps long ago. */
  get wasNone(): boolean {
    return this.#state === 'none';
  }

  /** The same, lately. If this is false, the caller asks Redis, and tells what it has learnt. */
  isNone(): boolean {
    if (this.#state !== 'none') return false;
    const now = performance.now();
    if (now - this.#askedAt < BELIEVED_MS) return true;
    // One call asks. Those that are made until its reply need not.
    this.#askedAt = now;
    return false;
  }

  /** The reply of Redis. */
  learn({ maxLength, isKeyed }: Pick<HoldReply, 'maxLength' | 'isKeyed'>): void {
    if (this.#state !== 'none') this.#askedAt = performance.now();
    this.#state = maxLength === undefined && !isKeyed ? 'none' : 'some';
  }

  /** Redis did not reply, or refused. */
  forget(): void {
    this.#state = 'unknown';
  }
}
