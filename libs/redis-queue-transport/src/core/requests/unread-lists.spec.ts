import { describe, expect, test } from '@jest/globals';
import { UnreadLists } from './unread-lists.js';

const PATIENCE_MS = 30_000;
const LIST = 'list';

/** Adds a value each second to a list that the caller reads as told. */
class Stage {
  #nowMs = 0;
  #isCounted = false;
  #added = 0;
  readonly #lists = new UnreadLists(() => this.#nowMs, PATIENCE_MS);
  elements: string[] = [];

  constructor(private readonly valueAt = (ms: number): string => `value ${ms}`) {}

  /** Returns after how many seconds the list was found to be unread, if it was. */
  add(seconds: number, each: (second: number) => void = () => undefined): number | undefined {
    for (let second = 1; second <= seconds; second += 1) {
      this.#nowMs += 1_000;
      const looksCloser = this.#lists.wantsCloserLook(LIST);
      this.#isCounted ||= looksCloser;
      const head = looksCloser ? this.elements[0] : undefined;
      const added = this.#isCounted ? this.#added : undefined;
      const seen = { length: this.elements.length, head, added };
      this.push(this.valueAt(this.#nowMs));
      if (this.#lists.isUnread(LIST, seen, 1)) return second;
      each(second);
    }
    return undefined;
  }

  /** Adds values of streams, from any server. */
  push(...values: readonly string[]): void {
    this.elements.push(...values);
    if (this.#isCounted) this.#added += values.length;
  }
}

describe('a list of replies', () => {
  test('that nobody reads is found soon after the time is over', () => {
    const found = new Stage().add(1_000);
    expect(found).toBeGreaterThan(PATIENCE_MS / 1_000);
    expect(found).toBeLessThan(PATIENCE_MS / 1_000 + 5);
  });

  test.each([
    ['each value', (elements: string[]) => elements.splice(0)],
    [
      'a value now and then',
      (elements: string[], second: number) =>
        second % 25 === 0 ? elements.splice(0, 1) : undefined,
    ],
    [
      'less than others add',
      (elements: string[], second: number) => {
        elements.push(`${second} of another`, `${second} of one more`);
        if (second % 20 === 0) elements.splice(0, 1);
      },
    ],
  ])('is not found if the caller reads %s', (_, read) => {
    const stage = new Stage();
    expect(stage.add(300, (second) => void read(stage.elements, second))).toBeUndefined();
  });

  test('with values that are all alike is found only after reading stops, whatever others add', () => {
    const stage = new Stage(() => 'alive');
    const others = (): void => stage.push('alive', 'alive', 'alive');
    const read = (): void => void stage.elements.splice(0, 1);
    expect(stage.add(300, () => (others(), read()))).toBeUndefined();
    expect(stage.add(100, others)).toBeLessThan(PATIENCE_MS / 1_000 + 5);
  });

  test('that is no longer read is found', () => {
    const stage = new Stage();
    stage.add(100, () => stage.elements.splice(0));
    expect(stage.add(100)).toBeLessThan(PATIENCE_MS / 1_000 + 5);
  });
});
