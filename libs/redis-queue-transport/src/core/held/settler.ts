import type { Broker, Settlement, SkipReason } from '../broker/broker.js';
import type { Delivery } from '../delivery/delivery.js';
import type { DeliveryRunner } from '../delivery/delivery-runner.js';
import { NotHandledError } from '../errors/errors.js';
import type { Held } from './held.js';
import type { MessageIds } from '../message/message-id.js';
import type { Outcome } from '../delivery/outcome.js';
import { settlementOf } from '../delivery/settlement.js';
import type { Tenure } from '../lease/tenure.js';

export interface SettlerOptions {
  readonly queue: string;
  /** How long, in ms, an id that was handled is not handled again; undefined without such a promise. */
  readonly onceMs: number | undefined;
}

/** Is told what people should know of single deliveries. Must not throw. */
export interface DeliveryObserver {
  retried(delivery: Delivery, outcome: Outcome & { readonly kind: 'retry' }): void;
  /** By the wish of its handler. */
  postponed(delivery: Delivery, delayMs: number): void;
  deadLettered(delivery: Delivery, outcome: Outcome & { readonly kind: 'deadLetter' }): void;
  skipped(delivery: Delivery, why: SkipReason): void;
}

/** Has what ended settled, and tells of it. */
export class Settler {
  constructor(
    private readonly held: Held,
    private readonly options: SettlerOptions,
    private readonly broker: Pick<Broker, 'nowMs'>,
    private readonly ids: MessageIds,
    private readonly runner: Pick<DeliveryRunner, 'refuse'>,
    private readonly observer: DeliveryObserver,
  ) {}

  settle({ lease }: Tenure, delivery: Delivery, outcome: Outcome): void {
    this.held.settle(this.#settlementOf(lease.consumer, delivery, outcome));
    if (outcome.kind === 'deadLetter') this.observer.deadLettered(delivery, outcome);
    if (outcome.kind === 'retry') this.observer.retried(delivery, outcome);
    if (outcome.kind === 'postpone') this.observer.postponed(delivery, outcome.delayMs);
  }

  #settlementOf(consumer: string, delivery: Delivery, outcome: Outcome): Settlement {
    if (outcome.kind === 'ack') return this.#ackOf(delivery);
    return settlementOf(delivery, outcome, {
      queue: this.options.queue,
      consumer,
      nowMs: this.broker.nowMs(),
      newId: () => this.ids.next(),
    });
  }

  #ackOf({ element, envelope }: Delivery): Settlement {
    if (this.options.onceMs !== undefined && envelope.id !== undefined)
      return { kind: 'ack', element, onceId: envelope.id };
    if (envelope.parked !== undefined) return { kind: 'ack', element, isParked: true };
    return { kind: 'ack', element };
  }

  /** It is not run, and who asked is told. */
  skip(delivery: Delivery, why: SkipReason): void {
    this.held.settle({ kind: 'skip', element: delivery.element, why });
    this.observer.skipped(delivery, why);
    if (!isAwaited(delivery, why)) return;
    const { id } = delivery.envelope;
    this.runner.refuse(delivery, new NotHandledError(this.options.queue, why, id));
  }
}

/** Whether its caller still waits. One whose request is over with its own patience does not. */
function isAwaited({ envelope }: Delivery, why: SkipReason): boolean {
  const { replyTo } = envelope;
  return replyTo !== undefined && (why === 'repeated' || replyTo.waitMs !== undefined);
}
