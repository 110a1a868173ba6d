import type { Settlement } from '../broker/lease.js';
import type { Delivery } from '../delivery/delivery.js';
import type { OwnPlaces } from '../delivery/places.js';
import { Running } from '../delivery/running.js';
import type { Run } from '../delivery/running.js';
import type { Tenure } from '../lease/tenure.js';

/** A delivery that runs, and the tenure in which it was taken. A class and not a literal: docs/decisions/0014. */
export class Begun {
  constructor(
    readonly delivery: Delivery,
    readonly tenure: Tenure,
  ) {}
}

export interface HeldBounds {
  /** How many handlers may run at once. */
  readonly concurrency: number;
  /** How many deliveries may be held, including those running; at least as many as may run. */
  readonly prefetch: number;
}

/**
 * What a consumer holds, in three compartments: elements that are *ready*, deliveries that *run*, and *settlements* of
 * deliveries that have ended. Each element moves from one to the next, is in one at a time, and leaves with the
 * exchange that settles it. Knows nothing about handlers or Redis.
 */
export class Held {
  /** In the order in which they were taken. */
  #ready: Buffer[] = [];
  readonly #running = new Running<Begun>();
  #settlements: Settlement[] = [];
  #limit = Infinity;

  constructor(
    private readonly bounds: HeldBounds,
    /** The places of the process, which all its consumers share; undefined for no limit. */
    private readonly places: OwnPlaces | undefined,
  ) {}

  /** How many run. */
  get running(): number {
    return this.#running.size;
  }

  /** Nothing is ready, and nothing runs. */
  get isEmpty(): boolean {
    return this.#running.size === 0 && this.#ready.length === 0;
  }

  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Something is waiting to be settled. */
  get hasSettlements(): boolean {
    return this.#settlements.length > 0;
  }

  /** One more may run. */
  get hasPlace(): boolean {
    return this.#running.size < Math.min(this.bounds.concurrency, this.#limit);
  }

  /** Nothing more may be held for now. */
  get isBarred(): boolean {
    return this.#limit === 0;
  }

  /** From now on, at most this many are taken and started. Running ones go on. */
  limit(most: number): void {
    this.#limit = most;
  }

  /** How many more may be taken. Reserves places for those that can start at once, until {@link releasePlaces}. */
  reserve(): number {
    const free = this.#free;
    if (this.places === undefined) return free;
    const idle = this.bounds.concurrency - this.#ready.length - this.#running.size;
    const startable = Math.min(free, Math.max(0, idle));
    return free - startable + this.places.keep(startable);
  }

  get #free(): number {
    const held = this.#ready.length + this.#running.size;
    return Math.max(0, Math.min(this.bounds.prefetch, this.#limit) - held);
  }

  /** Gives back reserved places that are not needed. */
  releasePlaces(): void {
    this.places?.release();
  }

  /** Adds elements: they are ready. */
  add(elements: readonly Buffer[]): void {
    for (const element of elements) this.#ready.push(element);
  }

  /** Takes out the next ready element if one more may run. The caller starts or settles it. */
  next(): Buffer | undefined {
    if (this.#ready.length === 0 || !this.hasPlace || this.places?.keep(1) === 0) return undefined;
    return this.#ready.shift();
  }

  /** The delivery runs from now on. */
  begin(begun: Begun): Run<Begun> {
    this.places?.begin();
    return this.#running.begin(begun);
  }

  /** The handler has ended. False if the delivery was handed back while it ran. */
  end(run: Run<Begun>): boolean {
    this.places?.end();
    return this.#running.end(run);
  }

  /** What runs. */
  begun(): readonly Begun[] {
    return this.#running.items();
  }

  /** Takes out and returns everything that runs. */
  takeBegun(): readonly Begun[] {
    return this.#running.endAll();
  }

  /** Takes these out of what runs: their handler has not started. */
  takeBack(unstarted: readonly Delivery[]): void {
    if (unstarted.length === 0) return;
    const taken = new Set(unstarted);
    this.#running.endWhere(({ delivery }) => taken.has(delivery));
  }

  /** Adds a settlement. */
  settle(settlement: Settlement): void {
    this.#settlements.push(settlement);
  }

  /** Hands back what is ready, in order. */
  releaseReady(): void {
    for (const element of this.#ready) this.settle({ kind: 'release', element });
    this.#ready = [];
  }

  /** Takes out the settlements. The caller has them settled. */
  takeSettlements(): readonly Settlement[] {
    const settlements = this.#settlements;
    this.#settlements = [];
    return settlements;
  }

  /** Puts back settlements that failed. They come first with the next try. */
  putBack(settlements: readonly Settlement[]): void {
    this.#settlements = [...settlements, ...this.#settlements];
  }

  /** Drops everything that is not running: it belongs to others now. */
  forget(): void {
    this.#ready = [];
    this.#settlements = [];
  }
}
