import { RedisQueueError } from './redis-queue-error.js';

/** Reason of a handler's `AbortSignal`: another consumer has this delivery, or will get it. The result no longer counts. */
export class LeaseLostError extends RedisQueueError {
  override readonly name = 'LeaseLostError';
  readonly code = 'LEASE_LOST';
}

/** The handler did not end within its `timeoutMs`. Reason of its `AbortSignal` and of the failed attempt. */
export class HandlerTimeoutError extends RedisQueueError {
  override readonly name = 'HandlerTimeoutError';
  readonly code = 'HANDLER_TIMEOUT';

  constructor(
    readonly pattern: string,
    readonly timeoutMs: number,
  ) {
    super(`The handler of "${pattern}" did not end within its timeoutMs of ${timeoutMs} ms.`);
  }
}

/** Reason of a handler's `AbortSignal`: the caller wants no further reply. The Observable was unsubscribed. */
export class CallerGoneError extends RedisQueueError {
  override readonly name = 'CallerGoneError';
  readonly code = 'CALLER_GONE';

  constructor(readonly pattern: string) {
    super(
      `The caller of "${pattern}" wants no further reply: it unsubscribed, gave up, or its process is gone.`,
    );
  }
}

/** Reason of a handler's `AbortSignal`: the time to shut down is over. The delivery went back to its queue. */
export class ShutdownError extends RedisQueueError {
  override readonly name = 'ShutdownError';
  readonly code = 'SHUTDOWN';
}
