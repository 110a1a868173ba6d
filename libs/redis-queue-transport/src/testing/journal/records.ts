import { inspect } from 'node:util';
import { TestKitError } from '../errors/test-kit-error.js';

interface Recorded {
  readonly data: unknown;
}

/** What happened to messages of one pattern, in its order. An array does not know what else happened; this does. */
export class Records<T extends Recorded> implements Iterable<T> {
  /** @internal The kit makes them. */
  constructor(
    /** What they are, as in `handled messages of "order.place"`. */
    private readonly what: string,
    readonly all: readonly T[],
    private readonly story: () => string,
  ) {}

  get length(): number {
    return this.all.length;
  }

  /** The data of each. */
  get data(): readonly T['data'][] {
    return this.all.map(({ data }) => data);
  }

  /** The only one. @throws TestKitError, which tells all that happened, if there are none or several */
  get only(): T {
    const [one] = this.all;
    if (one !== undefined && this.all.length === 1) return one;
    throw new TestKitError(
      `Expected one of the ${this.what}, and there are ${this.all.length}.\n${this.story()}`,
    );
  }

  /** The latest. @throws TestKitError, likewise, if there are none */
  get last(): T {
    const last = this.all.at(-1);
    if (last !== undefined) return last;
    throw new TestKitError(`Expected some ${this.what}, and there are none.\n${this.story()}`);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.all[Symbol.iterator]();
  }

  [inspect.custom](): readonly T[] {
    return this.all;
  }

  /** For assertions that print JSON. */
  toJSON(): readonly T[] {
    return this.all;
  }
}
