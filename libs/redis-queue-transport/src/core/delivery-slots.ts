import type { Lease } from './broker.js';
import type { Delivery } from './delivery.js';
import { Running } from './running.js';
import type { Run } from './running.js';

/** A delivery that runs, and the lease under which it was taken. */
export interface Held {
  readonly delivery: Delivery;
  readonly lease: Lease;
}

/**
 * What a consumer holds and has not finished: elements that are ready, at most one suspect that waits until it is
 * alone, and what runs.
 */
export class DeliverySlots {
  /** In the order in which they were taken. */
  #ready: Buffer[] = [];
  #suspect: Delivery | undefined;
  readonly #running = new Running<Held>();
  #runsAlone = false;

  constructor(
    private readonly concurrency: number,
    /** How many it may hold, ready or running. */
    private readonly prefetch: number,
  ) {}

  get running(): number {
    return this.#running.size;
  }

  get isEmpty(): boolean {
    return this.#running.size === 0 && this.#ready.length === 0 && this.#suspect === undefined;
  }

  get hasUnstarted(): boolean {
    return this.#ready.length > 0 || this.#suspect !== undefined;
  }

  /** How many more it may hold. None beside a suspect. */
  get free(): number {
    if (this.#suspect !== undefined || this.#runsAlone) return 0;
    return this.prefetch - this.#ready.length - this.#running.size;
  }

  /** How many of {@link free} could start at once. */
  get startable(): number {
    const idle = this.concurrency - this.#ready.length - this.#running.size;
    return Math.min(this.free, Math.max(0, idle));
  }

  add(elements: readonly Buffer[]): void {
    for (const element of elements) this.#ready.push(element);
  }

  /** What is to start now: an element, or a suspect that is alone at last. */
  next(): Buffer | Delivery | undefined {
    if (this.#runsAlone) return undefined;
    if (this.#suspect === undefined)
      return this.#running.size < this.concurrency ? this.#ready.shift() : undefined;
    if (this.#running.size > 0) return undefined;
    const suspect = this.#suspect;
    this.#suspect = undefined;
    this.#runsAlone = true;
    return suspect;
  }

  /** Nothing more starts before this one has run alone. */
  isolate(suspect: Delivery): void {
    this.#suspect = suspect;
  }

  /** Empties it of what has not begun, and answers that, in order. */
  removeUnstarted(): readonly Buffer[] {
    const ready = this.#ready;
    const suspect = this.#suspect;
    this.#ready = [];
    this.#suspect = undefined;
    return suspect === undefined ? ready : [suspect.element, ...ready];
  }

  begin(held: Held): Run<Held> {
    return this.#running.begin(held);
  }

  /** False when it was over before: released at a stop while it ran. */
  end(run: Run<Held>): boolean {
    const wasRunning = this.#running.end(run);
    // A suspect runs alone, so it was this one.
    if (wasRunning) this.#runsAlone = false;
    return wasRunning;
  }

  /** Ends what was begun here and by its handler not, as if it had not been begun at all. */
  takeBack(unstarted: readonly Delivery[]): void {
    if (unstarted.length === 0) return;
    const taken = new Set(unstarted);
    this.#running.endWhere(({ delivery }) => taken.has(delivery));
    if (this.#running.size === 0) this.#runsAlone = false;
  }

  /** What runs. */
  held(): readonly Held[] {
    return this.#running.items();
  }

  /** Ends all that runs, and answers what that was. */
  endAll(): readonly Held[] {
    this.#runsAlone = false;
    return this.#running.endAll();
  }
}
