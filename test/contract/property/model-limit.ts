import type { QueueLimit } from '../../../libs/redis-queue-transport/src/core/broker/limit.js';

export interface ModelLimited {
  /** Undefined if others must be settled first. */
  readonly inMs: number | undefined;
  readonly isSlowed: boolean;
}

/** What all consumers together may take. */
export class ModelLimit {
  /** Why no more may be taken, as far as the last command asked. */
  limited: ModelLimited | undefined;
  #slowedUntilMs = 0;
  /** When the next message would be taken if all came at equal intervals. */
  #nextMs = 0;

  constructor(private readonly limit: QueueLimit | undefined) {}

  slowDown(untilMs: number): void {
    this.#slowedUntilMs = Math.max(this.#slowedUntilMs, untilMs);
  }

  isSlowed(nowMs: number): boolean {
    return this.#slowedUntilMs > nowMs;
  }

  /** A command begins to ask. */
  begin(nowMs: number): void {
    const inMs = this.#slowedUntilMs - nowMs;
    this.limited = inMs > 0 ? { inMs, isSlowed: true } : undefined;
  }

  /** How many of these, where so many places are taken already. */
  mayTake(wanted: number, taken: number, nowMs: number): number {
    const { limit } = this;
    if (limit === undefined || wanted === 0) return wanted;
    const { running = Infinity, rate } = limit;
    const may = Math.min(wanted, Math.max(0, running - taken));
    if (may < wanted) this.limited = { inMs: undefined, isSlowed: false };
    if (rate === undefined) return may;
    // With equal intervals, and a tenth of the rate at once after a rest.
    const burst = Math.max(1, Math.floor(rate / 10));
    const byRate = Math.floor(burst - this.#aheadMs(nowMs) / this.#intervalMs);
    if (byRate >= may) return may;
    const inMs = this.#aheadMs(nowMs) + (byRate + 1 - burst) * this.#intervalMs;
    this.limited = { inMs, isSlowed: false };
    return byRate;
  }

  countTaken(count: number, nowMs: number): void {
    this.#nextMs = nowMs + this.#aheadMs(nowMs) + count * this.#intervalMs;
  }

  get #intervalMs(): number {
    const { perMs = 0, rate = Infinity } = this.limit ?? {};
    return perMs / rate;
  }

  #aheadMs(nowMs: number): number {
    return Math.max(0, this.#nextMs - nowMs);
  }
}
