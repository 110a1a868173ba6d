import type { Restore } from '../collections/remember.js';
import { rememberLists, rememberMap, together } from '../collections/remember.js';

/** What Redis keeps in the hash `lanes` and in the list of each key. Keys are as they are written. */
export class Lanes {
  /** How many of each key are out: waiting, held, suspects, or delayed for a retry. */
  readonly out = new Map<string, number>();
  /** Those with at least one element, the oldest first. */
  readonly #lanes = new Map<string, Buffer[]>();

  /** How many messages are in lanes. */
  get waiting(): number {
    let sum = 0;
    for (const lane of this.#lanes.values()) sum += lane.length;
    return sum;
  }

  get all(): readonly Buffer[] {
    return [...this.#lanes.values()].flat();
  }

  get byKey(): ReadonlyMap<string, readonly Buffer[]> {
    return this.#lanes;
  }

  of(key: string): readonly Buffer[] {
    return this.#lanes.get(key) ?? [];
  }

  add(key: string, element: Buffer): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined) this.#lanes.set(key, [element]);
    else lane.push(element);
  }

  takeNext(key: string): Buffer | undefined {
    return this.#takeAt(key, 0);
  }

  /** Removes the first with these bytes. */
  remove(key: string, element: Buffer): boolean {
    const at = this.of(key).findIndex((other) => other.equals(element));
    return at !== -1 && this.#takeAt(key, at) !== undefined;
  }

  /** Removes all messages from lanes. What is out stays out. */
  empty(): readonly Buffer[] {
    const { all } = this;
    this.#lanes.clear();
    return all;
  }

  remember(): Restore {
    return together([rememberMap(this.out), rememberLists(this.#lanes)]);
  }

  clear(): void {
    this.out.clear();
    this.#lanes.clear();
  }

  #takeAt(key: string, at: number): Buffer | undefined {
    const lane = this.#lanes.get(key);
    const [taken] = lane?.splice(at, 1) ?? [];
    if (lane?.length === 0) this.#lanes.delete(key);
    return taken;
  }
}
