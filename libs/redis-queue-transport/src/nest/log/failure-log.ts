import type { LoggerService } from '@nestjs/common';
import { RedisRefusedError } from '../../core/errors/call-errors.js';
import { messageOf } from '../../core/errors/message-of.js';

const REPEAT_AFTER_MS = 30_000;
/** How many texts are remembered. There may be many, since some contain the id of a message. */
const MOST_TEXTS = 100;

/** Logs each kind of trouble with Redis when it begins, now and then while it lasts, and when it ends. */
export class FailureLog {
  /** By text: several connections can fail at the same time, with different errors. */
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

  /** The connection is restored. Calls that Redis refused may still fail. */
  connected(): void {
    const before = this.#told.size;
    for (const [text, { isRefusal }] of this.#told) if (!isRefusal) this.#told.delete(text);
    if (before > 0 && this.#told.size === 0) this.#tellEnd();
  }

  /** A failed call works again. */
  recovered(): void {
    if (this.#told.size === 0) return;
    this.#told.clear();
    this.#tellEnd();
  }

  #tellEnd(): void {
    this.logger.log('Redis answers again.');
  }
}
