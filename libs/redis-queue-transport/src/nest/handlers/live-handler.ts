import type { MessageHandler } from '@nestjs/microservices';
import type { Delivery } from '../../core/delivery/delivery.js';
import { OwnPlaces } from '../../core/delivery/places.js';
import type { Places } from '../../core/delivery/places.js';

export interface LiveHandlerTerms {
  /** How many may run at once. */
  readonly concurrency: number;
  /** How many may wait. */
  readonly maxWaiting: number;
  /** The places of all handlers of the server; undefined for no limit. */
  readonly places: Places | undefined;
}

/** Runs a handler for one event. Calls `end` when it has ended, but not before this call has returned. */
export type RunLive = (delivery: Delivery, handler: MessageHandler, end: () => void) => void;

/** One handler of live events, which arrive at any rate: events that cannot start wait, up to a limit. */
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

  /** Starts the event or lets it wait. False if there is no room to wait, and the event is dropped. */
  add(delivery: Delivery): boolean {
    if (this.#waiting.length === 0 && this.#mayStart()) this.#start(delivery);
    else if (this.#waiting.length < this.terms.maxWaiting) this.#waiting.push(delivery);
    else return false;
    return true;
  }

  /** Drops the waiting events and returns how many. */
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
