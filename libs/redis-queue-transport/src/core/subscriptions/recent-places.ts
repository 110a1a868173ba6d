import type { Told } from './history-page.js';

/** How many events of a history are remembered. */
const MOST_PLACES = 1_000;
/** Enough of an element to have the id of its message, after a key that is not very long. */
const HEAD_BYTES = 512;

interface Place {
  readonly number: number;
  /** The beginning of the element; undefined if it was not read. */
  readonly head: string | undefined;
}

/** The last events of a history that a listener has, by which it notices that the history is another one now. */
export class RecentPlaces {
  readonly #places = new Map<string, Place>();

  /** Begins behind an event whose content is unknown. */
  begin({ id, number }: Omit<Told, 'element'>): void {
    this.#places.set(id, { number, head: undefined });
  }

  add({ id, number, element }: Told): void {
    this.#places.set(id, { number, head: headOf(element) });
    if (this.#places.size <= MOST_PLACES) return;
    const { first } = this;
    if (first !== undefined) this.#places.delete(first);
  }

  /** Whether this very event is there. Another Redis can give its place to another one. */
  has({ id, number, element }: Told): boolean {
    const place = this.#places.get(id);
    if (place?.number !== number) return false;
    // A large one is only announced.
    const isUnread = place.head === undefined || element.length === 0;
    return isUnread || place.head === headOf(element);
  }

  /** The id that has been there for longest. */
  get first(): string | undefined {
    return this.#places.keys().next().value;
  }
}

function headOf(element: Buffer): string {
  return element.toString('latin1', 0, HEAD_BYTES);
}
