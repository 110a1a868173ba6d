import { setTimeout } from 'node:timers/promises';
import { Unexpected } from './unexpected.js';

export interface WaitOptions {
  /** Ends the wait early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly withinMs: number;
  readonly everyMs?: number;
}

/** Looks until the condition holds. If the time is up first, rejects with what it waited for. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { signal, withinMs, everyMs = 20 }: WaitOptions,
): Promise<void> {
  const until = performance.now() + withinMs;
  for (;;) {
    signal?.throwIfAborted();
    if (await condition()) return;
    if (performance.now() >= until) {
      throw new Unexpected(`waited ${withinMs} ms in vain for ${what}`);
    }
    await setTimeout(everyMs);
  }
}
