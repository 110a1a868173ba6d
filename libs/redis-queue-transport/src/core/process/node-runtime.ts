import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Runtime } from './runtime.js';

/** Node's own clocks, timers and randomness. */
export const nodeRuntime: Runtime = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  // Callers only have timers that `setTimeout` above returned.
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  setImmediate: (run) => setImmediate(run),
  // Callers only have what `setImmediate` above returned.
  clearImmediate: (immediate) => clearImmediate(immediate as NodeJS.Immediate | undefined),
  random: () => Math.random(),
  randomBytes: (count) => randomBytes(count),
};
