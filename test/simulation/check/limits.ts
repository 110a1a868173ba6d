import type { Settlement } from '../../../libs/redis-queue-transport/src/core/broker/lease.js';
import type { Delivery } from '../../../libs/redis-queue-transport/src/core/delivery/delivery.js';
import { HandlerTimeoutError } from '../../../libs/redis-queue-transport/src/core/errors/abort-reasons.js';
import type { HeldBounds } from '../../../libs/redis-queue-transport/src/core/held/held.js';

/**
 * What one consumer runs and holds, compared with what it may. It no longer holds what has ended or is about to be
 * settled, even if Redis does not know that yet: its place is free.
 */
export class Limits {
  readonly #running = new Set<Delivery>();
  #held = new Set<Buffer>();

  constructor(
    private readonly bounds: HeldBounds,
    private readonly exceeded: (what: string) => void,
  ) {}

  /** It has a new lease, and holds nothing by it. */
  joined(): void {
    this.#held = new Set();
  }

  took(elements: readonly Buffer[]): void {
    for (const element of elements) this.#held.add(element);
    const { prefetch } = this.bounds;
    if (this.#held.size > prefetch)
      this.exceeded(`holds ${this.#held.size} messages, and may hold ${prefetch}`);
  }

  settles(settlements: readonly Settlement[]): void {
    for (const { element } of settlements) this.#held.delete(element);
  }

  began(delivery: Delivery): void {
    this.#running.add(delivery);
    // A handler that has timed out gives up its place, even if it goes on.
    const running = [...this.#running].filter(
      ({ signal }) => !(signal.reason instanceof HandlerTimeoutError),
    );
    const { concurrency } = this.bounds;
    if (running.length > concurrency)
      this.exceeded(`runs ${running.length} handlers, and may run ${concurrency}`);
  }

  ended(delivery: Delivery): void {
    this.#running.delete(delivery);
    this.#held.delete(delivery.element);
  }
}
