import type { Runtime, Timer } from '../../core/process/runtime.js';

/** Something that is called when the clock reaches a time. */
export interface Alarm {
  cancel(): void;
}

class SetAlarm implements Alarm {
  timer: Timer | undefined;

  constructor(
    readonly atMs: number,
    readonly ring: () => void,
    private readonly end: (alarm: SetAlarm) => void,
  ) {}

  cancel(): void {
    this.end(this);
  }
}

/** The longest that a timer of Node can be set to. A later alarm looks again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The one clock of a store, which plays the part of Redis's. It follows its runtime's monotonic clock from the time at which
 * the store was made, and can be moved.
 */
export class StoreClock {
  /** What is added to the monotonic time. */
  #offsetMs: number;
  readonly #alarms = new Set<SetAlarm>();
  readonly #onMoved = new Set<() => void>();

  constructor(private readonly runtime: Runtime) {
    this.#offsetMs = runtime.wallClock() - runtime.now();
  }

  /** Ms since 1970, in whole numbers. */
  nowMs(): number {
    return Math.floor(this.runtime.now() + this.#offsetMs);
  }

  /**
   * Moves the clock forward by so many ms, or back by a negative number. What became due by that happens now, in the order
   * of its time.
   */
  advance(ms: number): void {
    this.#offsetMs += ms;
    const alarms = [...this.#alarms].sort((one, other) => one.atMs - other.atMs);
    for (const alarm of alarms) if (this.#alarms.has(alarm)) this.#setOrRing(alarm);
    for (const onMoved of this.#onMoved) onMoved();
  }

  /** Calls it once, when the clock reaches this time, or at once if it has. */
  at(atMs: number, ring: () => void): Alarm {
    const alarm = new SetAlarm(atMs, ring, (ended) => this.#end(ended));
    this.#alarms.add(alarm);
    this.#setOrRing(alarm);
    return alarm;
  }

  /** Calls it each time after the clock was moved. */
  whenMoved(onMoved: () => void): void {
    this.#onMoved.add(onMoved);
  }

  #setOrRing(alarm: SetAlarm): void {
    this.runtime.clearTimeout(alarm.timer);
    const inMs = alarm.atMs - this.nowMs();
    if (inMs <= 0) {
      this.#alarms.delete(alarm);
      return alarm.ring();
    }
    const look = (): void => this.#setOrRing(alarm);
    alarm.timer = this.runtime.setTimeout(look, Math.min(inMs, LONGEST_TIMER_MS));
  }

  #end(alarm: SetAlarm): void {
    this.#alarms.delete(alarm);
    this.runtime.clearTimeout(alarm.timer);
  }
}
