import type { Runtime } from '../process/runtime.js';

/** When to retry after a failed handler. */
export interface RetryPolicy {
  /** Most times that a message is handed out, including the first. */
  readonly attempts: number;
  /** `fixed` waits `delayMs` each time; `exponential` doubles it with each attempt. */
  readonly backoff: 'fixed' | 'exponential';
  /** Pause in ms before the second attempt. */
  readonly delayMs: number;
  /** Longest pause in ms. */
  readonly maxDelayMs: number;
  /**
   * Returns false for an error that another attempt cannot fix. Absent: retry all errors. A user's function: may throw.
   */
  readonly if?: ((error: unknown) => boolean) | undefined;
}

/**
 * The pause in ms after the given attempt failed. An exponential one is spread over its upper half, so that messages
 * which failed together do not come back together ("equal jitter": Marc Brooker, Exponential Backoff And Jitter, AWS
 * Architecture Blog, 2015).
 */
export function retryDelayMs(
  policy: RetryPolicy,
  attempt: number,
  runtime: Pick<Runtime, 'random'>,
): number {
  if (policy.backoff === 'fixed') return Math.min(policy.delayMs, policy.maxDelayMs);
  const doubled = Math.min(policy.delayMs * 2 ** Math.min(attempt - 1, 50), policy.maxDelayMs);
  return Math.round(doubled / 2 + (doubled / 2) * runtime.random());
}
