import { durationText } from '../words/duration.js';
import type { Output } from './output.js';

const BAR = 24;
const DRAW_EVERY_MS = 100;

/** A bar that grows, with the number done per second. It is drawn only where it can be overwritten. */
export class Progress {
  readonly #startedAt = performance.now();
  #drawnAt = 0;

  constructor(
    private readonly output: Output,
    private readonly what: string,
  ) {}

  /** @param part how much of all is done, from 0 to 1; undefined if nobody knows how much there is */
  show(done: number, part: number | undefined): void {
    const now = performance.now();
    if (!this.output.hasProgress || now - this.#drawnAt < DRAW_EVERY_MS) return;
    this.#drawnAt = now;
    const seconds = Math.max(0.001, (now - this.#startedAt) / 1_000);
    const rate = `${Math.round(done / seconds)}/s`;
    if (part === undefined) return this.output.progress(`${done} ${this.what}  ${rate}`);
    const filled = Math.round(BAR * part);
    const bar = '#'.repeat(filled).padEnd(BAR, '.');
    const left = part === 0 ? '' : durationText((1_000 * seconds * (1 - part)) / part);
    this.output.progress(
      `[${bar}] ${Math.round(100 * part)} %  ${done} ${this.what}  ${rate}  ${left} left`,
    );
  }

  end(): void {
    this.output.endProgress();
  }
}
