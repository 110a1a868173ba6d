import type { LoggerService } from '@nestjs/common';
import { messageOf } from '../core/errors.js';

const REPEAT_AFTER_MS = 30_000;

/** Logs trouble with Redis once when it begins, again now and then while it lasts, and its end. */
export class FailureLog {
  #last: string | undefined;
  #lastAt = 0;

  constructor(private readonly logger: LoggerService) {}

  failed(error: unknown): void {
    const text = messageOf(error);
    const now = performance.now();
    if (text === this.#last && now - this.#lastAt < REPEAT_AFTER_MS) return;
    this.#last = text;
    this.#lastAt = now;
    this.logger.error(text);
  }

  recovered(): void {
    if (this.#last === undefined) return;
    this.#last = undefined;
    this.logger.log('Redis answers again.');
  }
}
