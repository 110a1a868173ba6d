import type { Lease } from './broker.js';
import type { Delivery } from './delivery.js';

export interface Run {
  readonly delivery: Delivery;
  /** Under which it was taken. */
  readonly lease: Lease;
  isOver: boolean;
}

/**
 * What a consumer holds and has not finished: elements that are ready, at most one suspect that waits until it is
 * alone, and what runs.
 *
 * What runs is a list that is cleaned up now and then, and no Map: a Map that goes on growing and shrinking gets new
 * tables all the time, the old ones lead to the new, and so one that the garbage collector has once taken for
 * long-lived keeps everything that came later from being collected cheaply.
 */
export class DeliverySlots {
  /** In the order in which they were taken. */
  #ready: Buffer[] = [];
  #suspect: Delivery | undefined;
  /** In the order in which they began. */
  #runs: Run[] = [];
  #running = 0;
  #runsAlone = false;

  constructor(
    private readonly concurrency: number,
    /** How many it may hold, ready or running. */
    private readonly prefetch: number,
  ) {}

  get running(): number {
    return this.#running;
  }

  get isEmpty(): boolean {
    return this.#running === 0 && this.#ready.length === 0 && this.#suspect === undefined;
  }

  /** How many more it may hold. None beside a suspect. */
  get free(): number {
    if (this.#suspect !== undefined || this.#runsAlone) return 0;
    return this.prefetch - this.#ready.length - this.#running;
  }

  add(elements: readonly Buffer[]): void {
    for (const element of elements) this.#ready.push(element);
  }

  /** What is to start now: an element, or a suspect that is alone at last. */
  next(): Buffer | Delivery | undefined {
    if (this.#runsAlone) return undefined;
    if (this.#suspect === undefined)
      return this.#running < this.concurrency ? this.#ready.shift() : undefined;
    if (this.#running > 0) return undefined;
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

  begin(delivery: Delivery, lease: Lease): Run {
    if (this.#runs.length > 2 * this.#running + MOST_OVER) this.#runs = this.runs();
    const run = { delivery, lease, isOver: false };
    this.#runs.push(run);
    this.#running += 1;
    return run;
  }

  /** False when it was over before: released at a stop while it ran. */
  end(run: Run): boolean {
    if (run.isOver) return false;
    run.isOver = true;
    this.#running -= 1;
    // A suspect runs alone, so it was this one.
    this.#runsAlone = false;
    return true;
  }

  /** What runs. */
  runs(): Run[] {
    return this.#runs.filter(({ isOver }) => !isOver);
  }

  /** Ends all that runs, and answers what that was. */
  endAll(): readonly Run[] {
    const runs = this.runs();
    for (const run of runs) this.end(run);
    return runs;
  }
}

/** So many runs that are over may stay beyond those that are not. */
const MOST_OVER = 64;
