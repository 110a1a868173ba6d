import type { Immediate, Runtime, Timer } from './runtime.js';

interface SetTimer {
  readonly run: () => void;
  readonly dueAt: number;
}

/** Time that passes only when the test says so. Turns of the event loop are Node's own. */
export class FakeRuntime implements Runtime {
  /** What {@link random} returns. */
  nextRandom = 0.5;
  #now: number;
  /** How far the wall clock is ahead of the monotonic clock. It may jump. */
  #wallAheadMs = 1_700_000_000_000;
  /** The next one due first. */
  readonly #timers: SetTimer[] = [];

  constructor(now = 5_000) {
    this.#now = now;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return this.#now + this.#wallAheadMs;
  }

  /** Sets the wall clock forward, or back. A machine that slept looks like this: its monotonic clock stood still. */
  setWallForward(ms: number): void {
    this.#wallAheadMs += ms;
  }

  /** Lets time pass. Runs due timers at their times; if the time is the same, in the order in which they were set. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#dueBy(until); next !== undefined; next = this.#dueBy(until)) {
      this.#now = Math.max(this.#now, next.dueAt);
      next.run();
    }
    this.#now = until;
  }

  #dueBy(until: number): SetTimer | undefined {
    const [next] = this.#timers;
    return next !== undefined && next.dueAt <= until ? this.#timers.shift() : undefined;
  }

  setTimeout(run: () => void, ms: number): Timer {
    const timer = { run, dueAt: this.#now + Math.max(1, ms) };
    const at = this.#timers.findIndex(({ dueAt }) => dueAt > timer.dueAt);
    this.#timers.splice(at === -1 ? this.#timers.length : at, 0, timer);
    return timer;
  }

  clearTimeout(timer: Timer | undefined): void {
    const at = this.#timers.findIndex((set) => set === timer);
    if (at !== -1) this.#timers.splice(at, 1);
  }

  setImmediate(run: () => void): Immediate {
    return setImmediate(run);
  }

  clearImmediate(immediate: Immediate | undefined): void {
    clearImmediate(immediate as NodeJS.Immediate | undefined); // Callers only have what `setImmediate` returned.
  }

  random(): number {
    return this.nextRandom;
  }

  randomBytes(count: number): Buffer {
    return Buffer.alloc(count, 7);
  }
}
