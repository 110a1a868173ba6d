import { setTimeout as pause } from 'node:timers/promises';

const PAUSE_MS = 10;
/** How long a try takes on an idle machine, with a look at Redis and the pause. */
const USUAL_TRY_MS = 30;

/**
 * Runs the assertion again and again until it holds. After the deadline, its last failure fails the test. On a busy
 * machine the deadline grows with the time that a try takes, so that there are as many tries as on an idle one.
 */
export async function eventually<T>(
  assertion: () => Promise<T> | T,
  deadlineMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  const leastTries = deadlineMs / USUAL_TRY_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() >= deadline && tries >= leastTries) throw error;
      await pause(PAUSE_MS);
    }
  }
}
