import type { Settlement } from '../broker/broker.js';
import type { Delivery } from '../delivery/delivery.js';
import type { OwnPlaces } from '../delivery/places.js';
import { Running } from '../delivery/running.js';
import type { Run } from '../delivery/running.js';
import type { Tenure } from '../lease/tenure.js';

/** A delivery that runs, and the tenure in which it was taken. */
export interface Begun {
  readonly delivery: Delivery;
  readonly tenure: Tenure;
}

export interface HeldBounds {
  /** How many handlers may run at once. */
  readonly concurrency: number;
  /** How many deliveries may be held, those that run included; at least as many as may run. */
  readonly prefetch: number;
}

/**
 * What a consumer holds, in three compartments: elements that are *ready*, deliveries that *run*, and *settlements* of what
 * has ended. Whatever was taken goes from one to the next, is in one of them at a time, and leaves with the exchange
 * that settles it. Knows nothing of handlers and of Redis.
 */
export class Held {
  /** In the order in which they were taken. */
  #ready: Buffer[] = [];
  readonly #running = new Running<Begun>();
  #settlements: Settlement[] = [];
  #limit = Infinity;

  constructor(
    private readonly bounds: HeldBounds,
    /** Of the process, which its consumers share; undefined where each may have as many as it likes. */
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

  /** Something waits to be settled. */
  get hasSettlements(): boolean {
    return this.#settlements.length > 0;
  }

  /** One more may run. */
  get hasPlace(): boolean {
    return this.#running.size < Math.min(this.bounds.concurrency, this.#limit);
  }

  /** Nothing more may be held now. */
  get isBarred(): boolean {
    return this.#limit === 0;
  }

  /** From now on no more than these are taken and begun; what runs goes on. */
  limit(most: number): void {
    this.#limit = most;
  }

  /** How many more may be taken. Keeps places for those that could begin at once, until {@link releasePlaces}. */
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

  /** Places that were kept and are not needed are for others now. */
  releasePlaces(): void {
    this.places?.release();
  }

  /** Takes them in: they are ready. */
  add(elements: readonly Buffer[]): void {
    for (const element of elements) this.#ready.push(element);
  }

  /** The next that is ready, if one more may run: it is out of here until it is begun or settled. */
  next(): Buffer | undefined {
    if (this.#ready.length === 0 || !this.hasPlace || this.places?.keep(1) === 0) return undefined;
    return this.#ready.shift();
  }

  /** It runs from now on. */
  begin(begun: Begun): Run<Begun> {
    this.places?.begin();
    return this.#running.begin(begun);
  }

  /** Its handler has ended. False when it was out of here before: handed back while it ran. */
  end(run: Run<Begun>): boolean {
    this.places?.end();
    return this.#running.end(run);
  }

  /** What runs. */
  begun(): readonly Begun[] {
    return this.#running.items();
  }

  /** Takes out all that runs, and answers what that was. */
  takeBegun(): readonly Begun[] {
    return this.#running.endAll();
  }

  /** Takes these out of what runs: their handler has not begun with them. */
  takeBack(unstarted: readonly Delivery[]): void {
    if (unstarted.length === 0) return;
    const taken = new Set(unstarted);
    this.#running.endWhere(({ delivery }) => taken.has(delivery));
  }

  /** It waits to be settled. */
  settle(settlement: Settlement): void {
    this.#settlements.push(settlement);
  }

  /** Hands back what is ready, in order. */
  releaseReady(): void {
    for (const element of this.#ready) this.settle({ kind: 'release', element });
    this.#ready = [];
  }

  /** What is to be settled; from now on whoever took it sees to that. */
  takeSettlements(): readonly Settlement[] {
    const settlements = this.#settlements;
    this.#settlements = [];
    return settlements;
  }

  /** These could not be settled, and come first with the next try. */
  putBack(settlements: readonly Settlement[]): void {
    this.#settlements = [...settlements, ...this.#settlements];
  }

  /** Drops all that does not run: it belongs to others now. */
  forget(): void {
    this.#ready = [];
    this.#settlements = [];
  }
}
