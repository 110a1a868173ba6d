import type { Runtime } from './runtime.js';

/** Resolves after the time, or as soon as the signal fires, if there is one. Never rejects. */
export function pause(
  ms: number,
  signal: AbortSignal | undefined,
  runtime: Runtime,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const finish = (): void => {
      runtime.clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = runtime.setTimeout(finish, ms);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** Pauses that double from 50 ms to 1 s while something keeps failing. */
export class GrowingPause {
  #nextMs = FIRST_MS;

  constructor(private readonly runtime: Runtime) {}

  reset(): void {
    this.#nextMs = FIRST_MS;
  }

  async wait(signal: AbortSignal): Promise<void> {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(ms * 2, LONGEST_MS);
    await pause(ms, signal, this.runtime);
  }
}

const FIRST_MS = 50;
const LONGEST_MS = 1_000;
