/** Something that happens at a time. */
export interface VirtualEvent {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * After each event, what it set going by promises and `process.nextTick` gets so many rounds. Each runs all microtasks and
 * then all ticks that are due, so that few are needed. What needs more goes on beside the next event, the same way each time.
 */
const ROUNDS = 4;

/** The time of a whole run. It jumps from one event to the next; those of the same time happen in the order of their making. */
export class VirtualTime {
  /** In ms. */
  now = 0;
  #made = 0;
  /** A binary heap. */
  readonly #events: VirtualEvent[] = [];

  /** @param order of an event that was put off: it keeps its place among those of the same time */
  at(atMs: number, run: () => void, order = (this.#made += 1)): VirtualEvent {
    const event = { atMs: Math.max(atMs, this.now), order, run };
    this.#add(event);
    return event;
  }

  cancel(event: VirtualEvent): void {
    event.run = undefined;
  }

  /** Lets time pass until it is over, until this time, or until nothing is left to happen. */
  pass(untilMs: number, isOver: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      let round = 0;
      // Ticks alone would keep microtasks waiting.
      const nextRound = (): void => queueMicrotask(() => process.nextTick(step));
      const step = (): void => {
        round += 1;
        if (round < ROUNDS) return nextRound();
        round = 0;
        const event = isOver() ? undefined : this.#next(untilMs);
        // Rejections that nobody takes are only told when the queue of ticks is empty.
        if (event === undefined) return void setImmediate(resolve);
        this.now = event.atMs;
        event.run?.();
        nextRound();
      };
      nextRound();
    });
  }

  #next(untilMs: number): VirtualEvent | undefined {
    for (;;) {
      const [first] = this.#events;
      if (first === undefined || first.atMs > untilMs) {
        if (Number.isFinite(untilMs)) this.now = Math.max(this.now, untilMs);
        return undefined;
      }
      this.#removeFirst();
      if (first.run !== undefined) return first;
    }
  }

  #add(event: VirtualEvent): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = events[parent];
      if (above === undefined || !isBefore(event, above)) break;
      events[at] = above;
      at = parent;
    }
    events[at] = event;
  }

  #removeFirst(): void {
    const events = this.#events;
    const last = events.pop();
    if (last === undefined || events.length === 0) return;
    let at = 0;
    for (;;) {
      const left = events[2 * at + 1];
      const right = events[2 * at + 2];
      if (left === undefined) break;
      const [child, below] =
        right !== undefined && isBefore(right, left) ? [2 * at + 2, right] : [2 * at + 1, left];
      if (!isBefore(below, last)) break;
      events[at] = below;
      at = child;
    }
    events[at] = last;
  }
}

function isBefore(one: VirtualEvent, other: VirtualEvent): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
