import { GrowingPause } from './pause.js';

/**
 * Tries until it succeeds, with pauses that grow from 50 ms to 1 s. Each failure is told. Undefined when it was stopped
 * before: a failure then is the stop's own, and nobody is told.
 */
export async function retryUntilStopped<T>(
  attempt: () => Promise<T>,
  stopped: AbortSignal,
  failed: (error: unknown) => void,
): Promise<T | undefined> {
  const between = new GrowingPause();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (stopped.aborted) return undefined;
      failed(error);
      await between.wait(stopped);
      if (stopped.aborted) return undefined;
    }
  }
}

/** Does a step after the other, and each again until it succeeds. Never rejects. */
export async function repeatUntilStopped(
  step: () => Promise<void>,
  stopped: AbortSignal,
  failed: (error: unknown) => void,
): Promise<void> {
  while (!stopped.aborted) await retryUntilStopped(step, stopped, failed);
}
