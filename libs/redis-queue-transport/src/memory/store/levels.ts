import type { Restore } from '../collections/remember.js';
import { Deque } from '../collections/deque.js';

/** What Redis keeps in the hash `levels` and in the lists of levels: messages of each priority but the usual one. */
export class Levels {
  /** Those with at least one element. */
  readonly #lists = new Map<number, Deque<Buffer>>();
  /** How many were taken while several levels had some. */
  turn = 0;

  get isInUse(): boolean {
    return this.#lists.size > 0;
  }

  /** How many messages are in the lists. */
  get waiting(): number {
    let sum = 0;
    for (const list of this.#lists.values()) sum += list.length;
    return sum;
  }

  /** The highest first. */
  get byLevel(): ReadonlyMap<number, readonly Buffer[]> {
    const lists = [...this.#lists].sort(([one], [other]) => other - one);
    return new Map(lists.map(([level, list]) => [level, list.slice()]));
  }

  lengthOf(level: number): number {
    return this.#lists.get(level)?.length ?? 0;
  }

  add(level: number, element: Buffer, end: 'left' | 'right'): void {
    const list = this.#lists.get(level) ?? new Deque<Buffer>();
    this.#lists.set(level, list);
    if (end === 'left') list.unshift(element);
    else list.push(element);
  }

  take(level: number, end: 'left' | 'right'): Buffer | undefined {
    const list = this.#lists.get(level);
    const taken = end === 'left' ? list?.shift() : list?.pop();
    if (list?.length === 0) this.#lists.delete(level);
    return taken;
  }

  /** Removes the last with these bytes. */
  remove(level: number, element: Buffer): boolean {
    const list = this.#lists.get(level);
    let index = (list?.length ?? 0) - 1;
    while (index >= 0 && list?.at(index)?.equals(element) !== true) index -= 1;
    if (list === undefined || index === -1) return false;
    list.removeAt(index);
    if (list.length === 0) this.#lists.delete(level);
    this.forgetTurn();
    return true;
  }

  /** If nothing waits any more, counting begins anew. Call it behind a command that takes. */
  forgetTurn(): void {
    if (!this.isInUse) this.turn = 0;
  }

  /** Removes all messages. */
  empty(): readonly Buffer[] {
    const all = [...this.byLevel.values()].flat();
    this.clear();
    return all;
  }

  remember(): Restore {
    const { turn } = this;
    const levels = [...this.#lists].map(([level, list]) => [level, list.slice()] as const);
    return () => {
      this.clear();
      for (const [level, elements] of levels)
        for (const element of elements) this.add(level, element, 'right');
      this.turn = turn;
    };
  }

  clear(): void {
    this.#lists.clear();
    this.turn = 0;
  }
}
