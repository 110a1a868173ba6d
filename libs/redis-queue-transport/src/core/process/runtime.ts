/** A timer that was set. */
export type Timer = object;
/** What runs in the next turn of the event loop. */
export type Immediate = object;

/**
 * Time, timers and chance, as one process has them. Core takes them from here alone, so that a simulation can play many
 * processes, each with clocks of its own, and the same way every time.
 */
export interface Runtime {
  /** Monotonic time in ms, from an origin of its own. Never goes back; may stand still while the machine is suspended. */
  now(): number;
  /** The time of the process's wall clock, in ms since 1970. It may be wrong, and be set. */
  wallClock(): number;
  /** Calls it once, not before this many ms have passed. */
  setTimeout(run: () => void, ms: number): Timer;
  /** Nothing happens if it has run, or if there is none. */
  clearTimeout(timer: Timer | undefined): void;
  /** Calls it once, after what has arrived meanwhile was heard. */
  setImmediate(run: () => void): Immediate;
  /** Nothing happens if it has run, or if there is none. */
  clearImmediate(immediate: Immediate | undefined): void;
  /** From 0 up to, not including, 1. */
  random(): number;
  /** This many bytes that nobody can guess. */
  randomBytes(count: number): Buffer;
}
