import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Runtime } from './runtime.js';

/** Node's own clocks, timers and randomness. */
export const nodeRuntime: Runtime = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  // Only what `setTimeout` above returned comes here.
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  setImmediate: (run) => setImmediate(run),
  // Only what `setImmediate` above returned comes here.
  clearImmediate: (immediate) => clearImmediate(immediate as NodeJS.Immediate | undefined),
  random: () => Math.random(),
  randomBytes: (count) => randomBytes(count),
};
