import type { Settlement } from '../../core/broker/lease.js';
import { idOf } from '../../core/message/envelope.js';

/** What a lease has handed out and nobody has settled. */
export class HeldElements {
  readonly #elements = new Set<Buffer>();

  get length(): number {
    return this.#elements.size;
  }

  get all(): readonly Buffer[] {
    return [...this.#elements];
  }

  add(element: Buffer): void {
    this.#elements.add(element);
  }

  /** The others were settled by an earlier call, or given up. */
  stillHeld(settlements: readonly Settlement[]): readonly Settlement[] {
    return settlements.filter(({ element }) => this.#elements.has(element));
  }

  remove(settlements: readonly Settlement[]): void {
    for (const { element } of settlements) this.#elements.delete(element);
  }

  /** Forgets elements that the list does not have any more. */
  forget(gone: readonly Buffer[]): void {
    for (const element of gone) this.#elements.delete(element);
  }

  /**
   * It is unknown whether these were settled. Settling an element without an id again could settle another message with
   * the same bytes: so it is given up, and if it is still in the list, it is a stray and handed out again.
   */
  giveUp(settlements: readonly Settlement[]): void {
    this.remove(settlements.filter(({ element }) => idOf(element) === undefined));
  }
}
