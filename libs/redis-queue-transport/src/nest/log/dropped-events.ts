import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';

/** While events are being dropped, the shortest time between two reports. */
const TELL_EVERY_MS = 5_000;

/** Reports dropped live events: the first at once, further ones together. */
export class DroppedEvents {
  /** Events not yet reported, by pattern. */
  #counts = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly observer: RedisQueueObserver) {}

  /** An event was dropped: there was no room for it to wait. */
  add(pattern: string): void {
    this.#counts.set(pattern, (this.#counts.get(pattern) ?? 0) + 1);
    if (this.#timer !== undefined) return;
    // In the next turn, so that events that arrived together are reported together.
    this.#timer = setTimeout(() => this.#tellAndWait(), 0);
  }

  /** Reports the rest. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counts = this.#counts;
    this.#counts = new Map();
    for (const [pattern, dropped] of counts) this.observer.eventsDropped?.({ pattern, dropped });
  }

  #tellAndWait(): void {
    if (this.#counts.size === 0) return void (this.#timer = undefined);
    this.flush();
    this.#timer = setTimeout(() => this.#tellAndWait(), TELL_EVERY_MS);
    this.#timer.unref();
  }
}
