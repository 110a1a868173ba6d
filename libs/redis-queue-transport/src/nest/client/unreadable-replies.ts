import type { LoggerService } from '@nestjs/common';
import { messageOf } from '../../core/errors/message-of.js';

/** While they come, that is told no more often. */
const TELL_EVERY_MS = 30_000;

/** Tells of elements of the reply list that are none: the first at once, then how many, now and then. */
export class UnreadableReplies {
  #toldAt = -Infinity;
  #untold = 0;

  constructor(private readonly logger: LoggerService) {}

  add(error: unknown): void {
    this.#untold += 1;
    const now = performance.now();
    if (now - this.#toldAt < TELL_EVERY_MS) return;
    const others = this.#untold === 1 ? '' : ` (${this.#untold} since this was told last)`;
    this.#toldAt = now;
    this.#untold = 0;
    this.logger.error(`A reply cannot be read${others}: ${messageOf(error)}`);
  }
}
