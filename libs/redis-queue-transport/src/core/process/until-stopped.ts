import { setMaxListeners } from 'node:events';
import { GrowingPause } from './pause.js';
import type { Runtime } from './runtime.js';

/**
 * Tries until it succeeds, with pauses that grow from 50 ms to 1 s, and reports each failure. Returns undefined if it
 * is stopped before it succeeds. Failures after the stop are not reported: the stop itself caused them.
 */
export async function retryUntilStopped<T>(
  attempt: () => Promise<T>,
  stopped: AbortSignal,
  failed: (error: unknown) => void,
  runtime: Runtime,
): Promise<T | undefined> {
  const between = new GrowingPause(runtime);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (stopped.aborted) return undefined;
      failed(error);
      // Each of many deliveries may wait for the same signal. Node takes that for a leak, and warns.
      setMaxListeners(Infinity, stopped);
      await between.wait(stopped);
      if (stopped.aborted) return undefined;
    }
  }
}

/** Performs the step again and again. Tries each until it succeeds. Never rejects. */
export async function repeatUntilStopped(
  step: () => Promise<void>,
  stopped: AbortSignal,
  failed: (error: unknown) => void,
  runtime: Runtime,
): Promise<void> {
  while (!stopped.aborted) await retryUntilStopped(step, stopped, failed, runtime);
}
