import { Deque } from '../collections/deque.js';
import type { Alarm, StoreClock } from './store-clock.js';

/** Ends a blocked take: it answers that nothing came. Nothing happens if it has answered. */
export type Unblock = () => void;

interface Taker {
  /** Takes from the list, which is not empty. */
  readonly take: () => void;
  readonly leave: () => void;
}

/**
 * A list of elements that may be waited for. As with Redis, those that wait are served in the order in which they came, and
 * only after the command that filled the list: what that command takes itself is never theirs.
 */
export class StoredList extends Deque<Buffer> {
  /** A set keeps the order, and lets anybody leave. */
  readonly #takers = new Set<Taker>();

  constructor(
    /** Has {@link serve} called after the command. */
    private readonly onFilled: (list: StoredList) => void,
  ) {
    super();
  }

  override push(element: Buffer): void {
    super.push(element);
    if (this.#takers.size > 0) this.onFilled(this);
  }

  override unshift(element: Buffer): void {
    super.unshift(element);
    if (this.#takers.size > 0) this.onFilled(this);
  }

  /** How many wait for an element. */
  get takers(): number {
    return this.#takers.size;
  }

  /** Those who wait get no answer any more: their connections are broken. */
  forgetTakers(): void {
    for (const { leave } of this.#takers) leave();
  }

  serve(): void {
    for (const taker of this.#takers) {
      if (this.length === 0) return;
      taker.take();
    }
  }

  /**
   * Takes as soon as there is something, and answers with what was taken; with undefined if `waitMs` pass before, or when it
   * is unblocked.
   */
  blockingTake<T>(
    clock: StoreClock,
    waitMs: number,
    take: () => T | undefined,
    answer: (taken: T | undefined) => void,
  ): Unblock {
    if (this.length > 0) {
      answer(take());
      return () => undefined;
    }
    // It may ring at once, before there is anything to cancel.
    let alarm: Alarm | undefined = undefined;
    const end = (): void => {
      this.#takers.delete(taker);
      alarm?.cancel();
    };
    const taker: Taker = {
      take: () => {
        end();
        answer(take());
      },
      leave: end,
    };
    const unblock = (): void => {
      if (!this.#takers.has(taker)) return;
      end();
      answer(undefined);
    };
    this.#takers.add(taker);
    alarm = clock.at(clock.nowMs() + waitMs, unblock);
    return unblock;
  }
}
