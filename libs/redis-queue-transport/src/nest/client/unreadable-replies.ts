import type { LoggerService } from '@nestjs/common';
import { messageOf } from '../../core/errors/message-of.js';

/** The shortest time between two reports. */
const TELL_EVERY_MS = 30_000;

/** Reports elements of the reply list that are not replies: the first at once, then how many, now and then. */
export class UnreadableReplies {
  #toldAt = -Infinity;
  #untold = 0;

  constructor(private readonly logger: LoggerService) {}

  add(error: unknown): void {
    this.#untold += 1;
    const now = performance.now();
    if (now - this.#toldAt < TELL_EVERY_MS) return;
    const others = this.#untold === 1 ? '' : ` (${this.#untold} since the last report)`;
    this.#toldAt = now;
    this.#untold = 0;
    this.logger.error(`A reply cannot be read${others}: ${messageOf(error)}`);
  }
}
