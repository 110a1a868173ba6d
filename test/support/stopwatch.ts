import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect } from '@jest/globals';

const RESOLUTION_MS = 5;
/** What is timed takes several steps in several processes, and a busy machine may hold up each of them. */
const STEPS = 10;

/**
 * Times something on a machine that may have other work to do. How late this process itself gets to run shows how busy
 * the machine is: on an idle machine a limit is what it says, on a busy one it grows.
 */
export class Stopwatch {
  readonly #since = performance.now();
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #tookMs: number | undefined;

  private constructor() {
    this.#delay.enable();
  }

  static start(): Stopwatch {
    return new Stopwatch();
  }

  /** How long it took, or has taken so far. */
  get tookMs(): number {
    return this.#tookMs ?? performance.now() - this.#since;
  }

  /** May be called again, without effect. */
  stop(): this {
    this.#tookMs ??= performance.now() - this.#since;
    this.#delay.disable();
    return this;
  }

  /** Stops, and fails if it took longer. */
  expectAtMost(limitMs: number): void {
    expect(this.stop().tookMs).toBeLessThan(this.limit(limitMs));
  }

  /** The limit on a machine as busy as this one was. */
  limit(ms: number): number {
    const worstMs = this.#delay.max / 1_000_000 - RESOLUTION_MS;
    return ms + STEPS * Math.max(0, worstMs);
  }
}
