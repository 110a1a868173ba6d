import type { LoggerService } from '@nestjs/common';
import { RedisRefusedError, messageOf } from '../../core/errors/errors.js';

const REPEAT_AFTER_MS = 30_000;
/** Texts that name a message each are all different: nobody needs to remember more of them. */
const MOST_TEXTS = 100;

/** Logs each kind of trouble with Redis once when it begins, again now and then while it lasts, and its end. */
export class FailureLog {
  /** Several connections fail at once, in turns and in different words. */
  readonly #told = new Map<string, { readonly at: number; readonly isRefusal: boolean }>();

  constructor(private readonly logger: LoggerService) {}

  failed(error: unknown): void {
    const text = messageOf(error);
    const now = performance.now();
    const before = this.#told.get(text);
    if (before !== undefined && now - before.at < REPEAT_AFTER_MS) return;
    if (this.#told.size >= MOST_TEXTS) this.#told.clear();
    this.#told.set(text, { at: now, isRefusal: error instanceof RedisRefusedError });
    this.logger.error(text);
  }

  /** The connection is there again. Whether what Redis refused works now is another matter. */
  connected(): void {
    const before = this.#told.size;
    for (const [text, { isRefusal }] of this.#told) if (!isRefusal) this.#told.delete(text);
    if (before > 0 && this.#told.size === 0) this.#tellEnd();
  }

  /** A call that had failed works again. */
  recovered(): void {
    if (this.#told.size === 0) return;
    this.#told.clear();
    this.#tellEnd();
  }

  #tellEnd(): void {
    this.logger.log('Redis answers again.');
  }
}
