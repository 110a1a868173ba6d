import type { HandlerEnd, ObservedDelivery } from '../../core/lifecycle/observer.js';

/** One attempt, from the beginning of its handler on. */
export class Handling {
  readonly beganAt = performance.now();
  /** Undefined until the handler is called: a guard may refuse it before. */
  data: unknown;
  readonly results: unknown[] = [];
  /** Undefined while it runs. */
  end: HandlerEnd | undefined;
  /** What the kit does to it, for people. */
  fault: string | undefined;

  constructor(
    readonly app: string,
    readonly delivery: ObservedDelivery,
  ) {}

  get pattern(): string {
    return this.delivery.pattern ?? this.delivery.queue;
  }

  get hasSucceeded(): boolean {
    const { end } = this;
    return end?.outcome === 'ack' && end.error === undefined && end.counts;
  }

  get hasFailed(): boolean {
    return this.end !== undefined && !this.hasSucceeded;
  }
}
