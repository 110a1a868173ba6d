import type { MessageHandler } from '@nestjs/microservices';
import type { Delivery } from '../../core/delivery/delivery.js';
import { OwnPlaces } from '../../core/delivery/places.js';
import type { Places } from '../../core/delivery/places.js';

export interface LiveHandlerTerms {
  /** How many may run at once. */
  readonly concurrency: number;
  /** How many may wait for that. */
  readonly maxWaiting: number;
  /** Those of all handlers of the server together; undefined for as many as there are. */
  readonly places: Places | undefined;
}

/** Runs a handler for one event; `end` is told once it has ended, and not before the call has returned. */
export type RunLive = (delivery: Delivery, handler: MessageHandler, end: () => void) => void;

/** One handler of live events, which come whether it has time for them or not: what cannot start waits, up to a bound. */
export class LiveHandler {
  #running = 0;
  #waiting: Delivery[] = [];
  readonly #places: OwnPlaces | undefined;

  constructor(
    private readonly handler: MessageHandler,
    private readonly terms: LiveHandlerTerms,
    private readonly run: RunLive,
  ) {
    const { places } = terms;
    this.#places = places && new OwnPlaces(places, () => this.#startWaiting());
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Starts it, or has it wait; false when there is no room for that, and it is dropped. */
  add(delivery: Delivery): boolean {
    if (this.#waiting.length === 0 && this.#mayStart()) this.#start(delivery);
    else if (this.#waiting.length < this.terms.maxWaiting) this.#waiting.push(delivery);
    else return false;
    return true;
  }

  /** Drops what waits, and answers how many that are. */
  drop(): number {
    const dropped = this.#waiting.length;
    this.#waiting = [];
    return dropped;
  }

  #mayStart(): boolean {
    return this.#running < this.terms.concurrency && this.#places?.keep(1) !== 0;
  }

  #start(delivery: Delivery): void {
    this.#running += 1;
    this.#places?.begin();
    this.run(delivery, this.handler, this.#onEnd);
  }

  readonly #onEnd = (): void => {
    this.#running -= 1;
    this.#places?.end();
    this.#startWaiting();
  };

  #startWaiting(): void {
    while (this.#waiting.length > 0 && this.#mayStart()) {
      const next = this.#waiting.shift();
      if (next !== undefined) this.#start(next);
    }
    this.#places?.release();
  }
}
