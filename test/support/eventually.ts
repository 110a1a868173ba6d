import { setTimeout as pause } from 'node:timers/promises';

const PAUSE_MS = 10;

/** Runs the assertion again and again until it holds; after the deadline its last failure is the test's. */
export async function eventually<T>(
  assertion: () => Promise<T> | T,
  deadlineMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
      await pause(PAUSE_MS);
    }
  }
}
