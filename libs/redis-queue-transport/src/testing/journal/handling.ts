import type { HandlerEnd, ObservedDelivery } from '../../core/lifecycle/observer.js';

/** One attempt. Its handler may never begin: a message that cannot be read, or has crashed too often, is dead-lettered at once. */
export class Handling {
  /** Undefined until its handler begins. */
  beganAt: number | undefined;
  /** Undefined until the handler is called: a guard may refuse it before. */
  data: unknown;
  readonly results: unknown[] = [];
  /** Undefined while it runs. */
  end: HandlerEnd | undefined;
  /** Its process has died, so the result of its handler is ignored. */
  isGone = false;
  /** What the kit does to it, for people. */
  fault: string | undefined;

  constructor(
    readonly app: string,
    readonly delivery: ObservedDelivery,
  ) {}

  get pattern(): string {
    return this.delivery.pattern ?? this.delivery.queue;
  }

  get isRunning(): boolean {
    return this.beganAt !== undefined && this.end === undefined;
  }

  get counts(): boolean {
    return !this.isGone && this.end?.counts !== false;
  }

  get hasSucceeded(): boolean {
    const { end } = this;
    return end?.outcome === 'ack' && end.error === undefined && this.counts;
  }

  get hasFailed(): boolean {
    return this.end !== undefined && !this.hasSucceeded;
  }
}
