import type { LoggerService } from '@nestjs/common';
import { messageOf } from '../core/errors.js';

const REPEAT_AFTER_MS = 30_000;
/** Texts that name a message each are all different: nobody needs to remember more of them. */
const MOST_TEXTS = 100;

/** Logs each kind of trouble with Redis once when it begins, again now and then while it lasts, and its end. */
export class FailureLog {
  /** Several connections fail at once, in turns and in different words. */
  readonly #loggedAt = new Map<string, number>();

  constructor(private readonly logger: LoggerService) {}

  failed(error: unknown): void {
    const text = messageOf(error);
    const now = performance.now();
    const before = this.#loggedAt.get(text);
    if (before !== undefined && now - before < REPEAT_AFTER_MS) return;
    if (this.#loggedAt.size >= MOST_TEXTS) this.#loggedAt.clear();
    this.#loggedAt.set(text, now);
    this.logger.error(text);
  }

  recovered(): void {
    if (this.#loggedAt.size === 0) return;
    this.#loggedAt.clear();
    this.logger.log('Redis answers again.');
  }
}
