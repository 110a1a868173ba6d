import type { Delivery } from '../delivery/delivery.js';
import { Running } from '../delivery/running.js';
import type { Run } from '../delivery/running.js';
import type { Tenure } from '../lease/tenure.js';

/** A delivery that runs, and the tenure in which it was taken. */
export interface Held {
  readonly delivery: Delivery;
  readonly tenure: Tenure;
}

/** What a consumer holds and has not finished: elements that are ready, and what runs. */
export class DeliverySlots {
  /** In the order in which they were taken. */
  #ready: Buffer[] = [];
  readonly #running = new Running<Held>();
  /** How many may be held while the queue is slowed down. */
  limit = Infinity;

  constructor(
    private readonly concurrency: number,
    /** How many it may hold, ready or running. */
    private readonly prefetch: number,
  ) {}

  get running(): number {
    return this.#running.size;
  }

  get isEmpty(): boolean {
    return this.#running.size === 0 && this.#ready.length === 0;
  }

  get hasUnstarted(): boolean {
    return this.#ready.length > 0;
  }

  /** One more may run. */
  get hasPlace(): boolean {
    return this.#running.size < Math.min(this.concurrency, this.limit);
  }

  /** How many more it may hold. */
  get free(): number {
    const held = this.#ready.length + this.#running.size;
    return Math.max(0, Math.min(this.prefetch, this.limit) - held);
  }

  /** How many of {@link free} could start at once. */
  get startable(): number {
    const idle = this.concurrency - this.#ready.length - this.#running.size;
    return Math.min(this.free, Math.max(0, idle));
  }

  add(elements: readonly Buffer[]): void {
    for (const element of elements) this.#ready.push(element);
  }

  /** What is to start now. */
  next(): Buffer | undefined {
    return this.hasPlace ? this.#ready.shift() : undefined;
  }

  /** Empties it of what has not begun, and answers that, in order. */
  removeUnstarted(): readonly Buffer[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  begin(held: Held): Run<Held> {
    return this.#running.begin(held);
  }

  /** False when it was over before: released at a stop while it ran. */
  end(run: Run<Held>): boolean {
    return this.#running.end(run);
  }

  /** Ends what was begun here and by its handler not, as if it had not been begun at all. */
  takeBack(unstarted: readonly Delivery[]): void {
    if (unstarted.length === 0) return;
    const taken = new Set(unstarted);
    this.#running.endWhere(({ delivery }) => taken.has(delivery));
  }

  /** What runs. */
  held(): readonly Held[] {
    return this.#running.items();
  }

  /** Ends all that runs, and answers what that was. */
  endAll(): readonly Held[] {
    return this.#running.endAll();
  }
}
