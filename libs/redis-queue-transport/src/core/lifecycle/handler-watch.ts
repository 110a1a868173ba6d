import type { Delivery } from '../delivery/delivery.js';
import type { Outcome } from '../delivery/outcome.js';
import type { RedisQueueObserver } from './observer.js';
import type { Runtime } from '../process/runtime.js';

/** Reports when handlers begin and end. If nobody listens, it allocates nothing and reads no clock. */
export class HandlerWatch {
  readonly #isTimed: boolean;

  constructor(
    private readonly observer: RedisQueueObserver,
    private readonly runtime: Pick<Runtime, 'now'>,
  ) {
    this.#isTimed = observer.ended !== undefined;
  }

  readonly began = (delivery: Delivery): void => {
    if (this.#isTimed) delivery.beganAt = this.runtime.now();
    this.observer.began?.(delivery);
  };

  /** @param counts false if the end came too late */
  ended(delivery: Delivery, outcome: Outcome, counts: boolean): void {
    // A skipped message never began.
    if (!this.#isTimed || delivery.beganAt === undefined || outcome.kind === 'skip') return;
    this.observer.ended?.(delivery, {
      outcome: outcome.kind,
      error: errorOf(outcome),
      durationMs: this.runtime.now() - delivery.beganAt,
      counts,
    });
  }
}

function errorOf(outcome: Exclude<Outcome, { kind: 'skip' }>): unknown {
  switch (outcome.kind) {
    case 'retry':
      return outcome.error;
    case 'deadLetter':
      return outcome.failure ?? outcome.error;
    case 'ack':
      return outcome.error;
    case 'postpone':
    case 'release':
      return undefined;
  }
}
