import type { Restore } from '../collections/remember.js';
export interface DelayedMessage {
  readonly dueMs: number;
  readonly element: Buffer;
}

/** By the time at which they are due, and by their bytes where that is the same: the order of Redis's sorted sets. */
function compare(one: DelayedMessage, other: DelayedMessage): number {
  return one.dueMs - other.dueMs || Buffer.compare(one.element, other.element);
}

/** Messages that are not due yet, or that nobody has released. Unlike in a sorted set, equal ones stand side by side. */
export class DelayedMessages {
  /** Sorted. Those before #from are gone. */
  #messages: (DelayedMessage | undefined)[] = [];
  #from = 0;

  get length(): number {
    return this.#messages.length - this.#from;
  }

  get first(): DelayedMessage | undefined {
    return this.#messages[this.#from];
  }

  get all(): readonly DelayedMessage[] {
    return this.slice(0, this.length);
  }

  /** Those in these places, the next one due first. */
  slice(start: number, end: number): readonly DelayedMessage[] {
    // Only places before #from are empty.
    return this.#messages.slice(this.#from + start, this.#from + end) as DelayedMessage[];
  }

  add(dueMs: number, element: Buffer): void {
    const message = { dueMs, element };
    this.#messages.splice(this.#from + this.#rankOf(message), 0, message);
  }

  /** How many are due at this time. */
  countDue(nowMs: number): number {
    return this.#rank((message) => message.dueMs <= nowMs);
  }

  removeFirst(): DelayedMessage | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    this.#messages[this.#from] = undefined;
    this.#from += 1;
    // Half of it is empty: closing the gap costs no more than what was removed.
    if (this.#from > this.#messages.length / 2) {
      this.#messages = this.#messages.slice(this.#from);
      this.#from = 0;
    }
    return first;
  }

  /** Removes and returns the first one with these bytes. Undefined if no message has them. */
  remove(element: Buffer): DelayedMessage | undefined {
    const at = this.#messages.findIndex((message) => message?.element.equals(element) === true);
    if (at === -1) return undefined;
    const [removed] = this.#messages.splice(at, 1);
    return removed;
  }

  remember(): Restore {
    const messages = this.#messages.slice(this.#from);
    return () => {
      this.#messages = messages;
      this.#from = 0;
    };
  }

  clear(): void {
    this.#messages = [];
    this.#from = 0;
  }

  /** Behind those that are equal. */
  #rankOf(message: DelayedMessage): number {
    const last = this.#messages.at(-1);
    // Most are due later than all before them.
    if (last !== undefined && compare(last, message) <= 0) return this.length;
    return this.#rank((other) => compare(other, message) <= 0);
  }

  /** How many meet the condition. Those that do must all stand in front of those that do not. */
  #rank(isBefore: (message: DelayedMessage) => boolean): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const message = this.#messages[this.#from + middle];
      if (message !== undefined && isBefore(message)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
