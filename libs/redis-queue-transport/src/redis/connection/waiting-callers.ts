import type { RedisQueueError } from '../../core/errors/redis-queue-error.js';

interface Waiting {
  readonly timeoutMs: number;
  resolve(): void;
  reject(error: RedisQueueError): void;
}

/** Callers that wait until a connection is ready. */
export class WaitingCallers {
  readonly #waiting = new Set<Waiting>();

  get areThere(): boolean {
    return this.#waiting.size > 0;
  }

  add(timeoutMs: number, tooLate: () => RedisQueueError): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => waiting.reject(tooLate()), timeoutMs);
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
      };
      const waiting = {
        timeoutMs,
        resolve: () => (end(), resolve()),
        reject: (error: RedisQueueError) => (end(), reject(error)),
      };
      this.#waiting.add(waiting);
    });
  }

  resolveAll(): void {
    for (const waiting of [...this.#waiting]) waiting.resolve();
  }

  /** Without a time, all of them; else only those that wait for exactly that long. */
  rejectAll(error: () => RedisQueueError, ofTimeoutMs?: number): void {
    for (const waiting of [...this.#waiting]) {
      if (ofTimeoutMs === undefined || waiting.timeoutMs === ofTimeoutMs) waiting.reject(error());
    }
  }
}
