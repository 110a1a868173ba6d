import type { Broker } from '../broker/broker.js';
import type { Settlement, SkipReason } from '../broker/lease.js';
import type { Delivery } from '../delivery/delivery.js';
import type { DeliveryRunner } from '../delivery/delivery-runner.js';
import { NotHandledError } from '../errors/request-errors.js';
import type { RedisQueueObserver } from '../lifecycle/observer.js';
import type { Held } from './held.js';
import type { MessageIds } from '../message/message-id.js';
import type { Outcome } from '../delivery/outcome.js';
import { Settlements } from '../delivery/settlement.js';
import type { Tenure } from '../lease/tenure.js';

export interface SettlerOptions {
  readonly queue: string;
  /** How long, in ms, a handled id is not handled again; undefined if `once` is off. */
  readonly onceMs: number | undefined;
}

/** Has ended deliveries settled, and tells the observer. */
export class Settler {
  readonly #settlements: Settlements;
  /** Ended deliveries that are not settled yet, by element; undefined if no observer wants to know. */
  readonly #unsettled: Map<Buffer, Delivery> | undefined;

  constructor(
    private readonly held: Held,
    private readonly options: SettlerOptions,
    broker: Pick<Broker, 'nowMs'>,
    ids: MessageIds,
    private readonly runner: Pick<DeliveryRunner, 'refuse'>,
    private readonly observer: RedisQueueObserver,
  ) {
    if (observer.settled !== undefined) this.#unsettled = new Map();
    this.#settlements = new Settlements({
      queue: options.queue,
      isOnce: options.onceMs !== undefined,
      nowMs: () => broker.nowMs(),
      newId: () => ids.next(),
    });
  }

  settle({ lease }: Tenure, delivery: Delivery, outcome: Outcome): void {
    this.held.settle(this.#settlements.of(delivery, outcome, lease.consumer));
    this.#unsettled?.set(delivery.element, delivery);
    if (outcome.kind === 'deadLetter') this.observer.deadLettered?.(delivery, outcome);
    if (outcome.kind === 'retry') this.observer.retried?.(delivery, outcome);
    if (outcome.kind === 'postpone') this.observer.postponed?.(delivery, outcome);
    if (outcome.kind === 'skip') this.#tellSkipped(delivery, outcome.why);
  }

  /** Redis has settled these. */
  settled(settlements: readonly Settlement[]): void {
    if (this.#unsettled === undefined) return;
    for (const { element, kind } of settlements) {
      const delivery = this.#unsettled.get(element);
      // Deliveries that never started go back without an entry.
      if (delivery === undefined) continue;
      this.#unsettled.delete(element);
      this.observer.settled?.(delivery, kind);
    }
  }

  /** Deliveries that are not settled yet belong to others now. */
  forget(): void {
    this.#unsettled?.clear();
  }

  /** It is not run, and the caller of a request is told. */
  #tellSkipped(delivery: Delivery, why: SkipReason): void {
    this.observer.skipped?.(delivery, why);
    if (!isAwaited(delivery, why)) return;
    const { id } = delivery.envelope;
    this.runner.refuse(delivery, new NotHandledError(this.options.queue, why, id));
  }
}

/** Whether the caller still waits: not after its own deadline. */
function isAwaited({ envelope }: Delivery, why: SkipReason): boolean {
  const { replyTo } = envelope;
  return replyTo !== undefined && (why === 'repeated' || replyTo.waitMs !== undefined);
}
