import type { Logger } from '@nestjs/common';
import { counted } from './counted.js';
import type { StatusEvents } from './status-events.js';

/** While events are dropped, that is told no more often. */
const TELL_EVERY_MS = 5_000;

/** Tells of live events that were dropped: of the first at once, of further ones together. */
export class DroppedEvents {
  /** By pattern; not told yet. */
  #counts = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly events: StatusEvents,
    private readonly logger: Logger,
  ) {}

  /** One event found no room to wait in. */
  add(pattern: string): void {
    this.#counts.set(pattern, (this.#counts.get(pattern) ?? 0) + 1);
    if (this.#timer !== undefined) return;
    // In the next turn: those that came together are told together.
    this.#timer = setTimeout(() => this.#tellAndWait(), 0);
  }

  /** Tells what was not told yet. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counts = this.#counts;
    this.#counts = new Map();
    for (const [pattern, dropped] of counts) this.#tell(pattern, dropped);
  }

  #tellAndWait(): void {
    if (this.#counts.size === 0) return void (this.#timer = undefined);
    this.flush();
    this.#timer = setTimeout(() => this.#tellAndWait(), TELL_EVERY_MS);
    this.#timer.unref();
  }

  #tell(pattern: string, dropped: number): void {
    this.logger.warn(
      `Dropped ${counted(dropped, 'live event')} of "${pattern}": as many as may (maxWaitingEvents) waited for a handler already. ` +
        'Make the handler faster, raise its concurrency, or give it a group, whose events wait in Redis.',
    );
    this.events.dropped(pattern, dropped);
  }
}
