import type { Settlement } from '../../core/broker/lease.js';
import { keyOf } from '../../core/message/key.js';
import type { Parked } from '../parking/large-elements.js';

/** What a lease has handed out and nobody has settled yet: all that it knows about its processing list. */
export class HeldElements {
  /** In the order of the processing list as long as #isOrdered. */
  #elements: Buffer[] = [];
  /** False after a wait and an exchange took at the same time: nobody knows which was first. */
  #isOrdered = true;
  /** Bodies that were just parked, by their small element, until they are requested. */
  readonly #bodies = new Map<Buffer, Parked>();

  get length(): number {
    return this.#elements.length;
  }

  get all(): readonly Buffer[] {
    return this.#elements;
  }

  add(element: Buffer): void {
    this.#elements.push(element);
  }

  loseOrder(): void {
    this.#isOrdered = false;
  }

  regainOrder(): void {
    if (this.#elements.length === 0) this.#isOrdered = true;
  }

  /** Keeps a body that was just parked, so that it need not be fetched. */
  keepBody(parked: Parked): void {
    this.#bodies.set(parked.element, parked);
  }

  takeBody(name: string): Buffer | undefined {
    for (const parked of this.#bodies.values()) {
      if (parked.name !== name) continue;
      this.#bodies.delete(parked.element);
      return parked.body;
    }
    return undefined;
  }

  /** An element that is no longer held comes back, if at all, from Redis. */
  dropBodiesOfOthers(): void {
    for (const element of this.#bodies.keys())
      if (!this.#elements.includes(element)) this.#bodies.delete(element);
  }

  stillHeld(settlements: readonly Settlement[]): readonly Settlement[] {
    if (settlements.length === 0) return settlements;
    const held = new Set(this.#elements);
    return settlements.filter(({ element }) => held.has(element));
  }

  remove(settlements: readonly Settlement[]): void {
    this.#dropBodies(settlements);
    const gone = new Set(settlements.map(({ element }) => element));
    this.#elements = this.#elements.filter((element) => !gone.has(element));
  }

  /** Forgets elements that the list does not have any more. */
  forget(gone: readonly Buffer[]): void {
    if (gone.length === 0) return;
    const forgotten = new Set(gone);
    this.#elements = this.#elements.filter((element) => !forgotten.has(element));
  }

  /** The same as {@link remove} for this many of the oldest, in order. */
  removeOldest(count: number, settlements: readonly Settlement[]): void {
    this.#dropBodies(settlements);
    this.#elements = this.#elements.slice(count);
  }

  #dropBodies(settlements: readonly Settlement[]): void {
    if (this.#bodies.size === 0) return;
    for (const { element } of settlements) this.#bodies.delete(element);
  }

  /**
   * How many settlements these are, if they are exactly the oldest of the processing list, in order, and only need to
   * be removed; else 0. Their elements then need not be sent back. The last one must be identifiable by its beginning,
   * since a call that was given up may be executed late and find others in their place.
   */
  oldestDone(settlements: readonly Settlement[]): number {
    const count = settlements.length;
    if (count === 0 || count > this.#elements.length) return 0;
    if (!this.#isOrdered && count < this.#elements.length) return 0;
    if (!HAS_WHOLE_ID.test(this.beginningOf(count - 1))) return 0;
    return settlements.every(
      (one, index) =>
        one.kind === 'ack' &&
        one.onceId === undefined &&
        one.isParked === undefined &&
        one.element === this.#elements[index],
    )
      ? count
      : 0;
  }

  /** The keys of this many of the oldest, of those that have one. */
  keysOfOldest(count: number): readonly string[] {
    const keys: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const key = keyOf(this.#elements[index] ?? '')?.key;
      if (key !== undefined) keys.push(key);
    }
    return keys;
  }

  /** As text with the same bytes, up to the first that is not ASCII. Empty if there is none. */
  beginningOf(index: number): string {
    const beginning = this.#elements[index]?.toString('latin1', 0, BEGINNING_BYTES) ?? '';
    const end = beginning.search(NOT_ASCII);
    return end === -1 ? beginning : beginning.slice(0, end);
  }
}

/** Enough of an element to identify it by its id. */
const BEGINNING_BYTES = 128;

/** A header with the id at its beginning: no other message begins like that. */
const HAS_WHOLE_ID = /^\{\s*"rq"\s*:.*"id"\s*:\s*"(?:[^"\\]|\\.)*"/;

const NOT_ASCII = /[\u0080-\u00ff]/;
