import type { Runtime } from './runtime.js';

/** Calls follow each other through promises, and nothing signals the end of the last one. So this polls. */
const LOOK_AGAIN_MS = 5;

/** Resolves when nothing has been running for a whole turn of the event loop, or after `withinMs`. */
export async function drained(
  isBusy: () => boolean,
  withinMs: number,
  runtime: Runtime,
): Promise<void> {
  const deadline = runtime.now() + withinMs;
  for (;;) {
    await new Promise<void>((resolve) => runtime.setImmediate(resolve));
    if (!isBusy() || runtime.now() >= deadline) return;
    await new Promise<void>((resolve) => runtime.setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
