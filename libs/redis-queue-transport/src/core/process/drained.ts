import { setImmediate as immediate, setTimeout as pause } from 'node:timers/promises';

/** Calls follow each other through promises, and nothing signals the end of the last one. So this polls. */
const LOOK_AGAIN_MS = 5;

/** Resolves when nothing has been running for a whole turn of the event loop, or after `withinMs`. */
export async function drained(isBusy: () => boolean, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    await immediate();
    if (!isBusy() || performance.now() >= deadline) return;
    await pause(LOOK_AGAIN_MS);
  }
}
