/** A timer that was set. */
export type Timer = object;
/** A call that was scheduled for the next turn of the event loop. */
export type Immediate = object;

/**
 * Time, timers and chance of one process. Core takes them only from here. So a simulation can run many processes, each
 * with its own clocks, and repeat a run exactly.
 */
export interface Runtime {
  /**
   * Monotonic time in ms, from an origin of its own. Never goes back; may stand still while the machine is suspended.
   */
  now(): number;
  /** The time of the process's wall clock, in ms since 1970. The clock may be wrong, and may be set. */
  wallClock(): number;
  /** Calls `run` once, not before this many ms have passed. */
  setTimeout(run: () => void, ms: number): Timer;
  /** Does nothing if the timer has run or is undefined. */
  clearTimeout(timer: Timer | undefined): void;
  /** Calls `run` once, after everything that has arrived meanwhile was processed. */
  setImmediate(run: () => void): Immediate;
  /** Does nothing if it has run or is undefined. */
  clearImmediate(immediate: Immediate | undefined): void;
  /** A random number from 0 to below 1. */
  random(): number;
  /** This many random bytes that nobody can guess. */
  randomBytes(count: number): Buffer;
}
