import { performance } from 'node:perf_hooks';
import type { Lease, Renewal } from './broker.js';
import { GrowingPause, pause } from './pause.js';

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
  #sureUntil: number;
  #loop: Promise<void> | undefined;

  /** @param takenAt when the lease was asked for, by `performance.now()` */
  constructor(
    private readonly lease: Lease,
    private readonly leaseMs: number,
    takenAt: number,
    private readonly events: LeaseKeeperEvents,
  ) {
    this.#intervalMs = leaseMs / 3;
    this.#sureUntil = takenAt + leaseMs;
  }

  /** False when the lease may have ended unnoticed: this process stood still, or Redis could not be reached. */
  get isSure(): boolean {
    return performance.now() < this.#sureUntil;
  }

  start(): void {
    this.#loop ??= this.#run(this.#stopped.signal);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** Renews out of turn until the lease is sure, lost, or no longer kept. */
  async makeSure(): Promise<void> {
    const stopped = this.#stopped.signal;
    while (!this.isSure && !stopped.aborted)
      if ((await this.#renewSoon(stopped)) === 'leaseLost') return this.events.lost();
  }

  async #run(stopped: AbortSignal): Promise<void> {
    for (;;) {
      await pause(this.#intervalMs, stopped);
      const renewal = await this.#renewSoon(stopped);
      if (renewal === undefined || stopped.aborted) return;
      if (renewal === 'leaseLost') return this.events.lost();
      if (this.#wasOnTime()) await this.#reclaim(renewal.ended);
    }
  }

  /** Tries until there is an answer: an outage may take all that is left of the lease. Undefined when it is stopped. */
  async #renewSoon(stopped: AbortSignal): Promise<Renewal | 'leaseLost' | undefined> {
    const between = new GrowingPause();
    while (!stopped.aborted) {
      try {
        return await this.#renew();
      } catch (error) {
        if (!stopped.aborted) this.events.failed(error);
        await between.wait(stopped);
      }
    }
    return undefined;
  }

  async #renew(): Promise<Renewal | 'leaseLost'> {
    const askedAt = performance.now();
    const renewal = await this.lease.renew();
    if (renewal !== 'leaseLost') this.#sureUntil = askedAt + this.leaseMs;
    return renewal;
  }

  #wasOnTime(): boolean {
    const now = performance.now();
    const sinceLastMs = now - this.#renewedAt;
    this.#renewedAt = now;
    return sinceLastMs < this.#intervalMs * 1.5;
  }

  async #reclaim(ended: readonly string[]): Promise<void> {
    try {
      for (const consumer of ended) {
        const deliveries = await this.lease.reclaim(consumer);
        if (deliveries > 0) this.events.reclaimed(consumer, deliveries);
      }
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.events.failed(error);
    }
  }
}
