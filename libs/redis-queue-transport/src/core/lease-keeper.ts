import { performance } from 'node:perf_hooks';
import type { Lease } from './broker.js';
import { pause } from './pause.js';

export interface LeaseKeeperEvents {
  lost(): void;
  reclaimed(consumer: string, deliveries: number): void;
  failed(error: unknown): void;
}

/**
 * Renews one lease at a third of its length, and takes back what ended leases of the same queue held.
 *
 * After an outage every lease looks ended. So it only reclaims when its own previous renewal was on time: by then the
 * others have had the chance to renew as well.
 */
export class LeaseKeeper {
  readonly #intervalMs: number;
  readonly #stopped = new AbortController();
  #renewedAt = performance.now();
  #loop: Promise<void> | undefined;

  constructor(
    private readonly lease: Lease,
    leaseMs: number,
    private readonly events: LeaseKeeperEvents,
  ) {
    this.#intervalMs = leaseMs / 3;
  }

  start(): void {
    this.#loop ??= this.#run(this.#stopped.signal);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(stopped: AbortSignal): Promise<void> {
    for (;;) {
      await pause(this.#intervalMs, stopped);
      if (stopped.aborted) return;
      try {
        const renewal = await this.lease.renew();
        if (renewal === 'leaseLost') {
          if (!stopped.aborted) this.events.lost();
          return;
        }
        if (this.#wasOnTime()) await this.#reclaim(renewal.ended);
      } catch (error) {
        if (!stopped.aborted) this.events.failed(error);
      }
    }
  }

  #wasOnTime(): boolean {
    const now = performance.now();
    const sinceLastMs = now - this.#renewedAt;
    this.#renewedAt = now;
    return sinceLastMs < this.#intervalMs * 1.5;
  }

  async #reclaim(ended: readonly string[]): Promise<void> {
    for (const consumer of ended) {
      const deliveries = await this.lease.reclaim(consumer);
      if (deliveries > 0) this.events.reclaimed(consumer, deliveries);
    }
  }
}
