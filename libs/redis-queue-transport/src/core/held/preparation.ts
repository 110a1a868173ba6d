import type { Broker, Lease } from '../broker/broker.js';
import type { Delivery } from '../delivery/delivery.js';
import { UndecodableError } from '../errors/errors.js';
import type { Begun } from './held.js';
import { isExpired } from '../delivery/intake.js';
import { EXPIRED, RELEASE, REPEATED, deadLetter } from '../delivery/outcome.js';
import type { Outcome } from '../delivery/outcome.js';
import { retryUntilStopped } from '../process/until-stopped.js';
import type { Run } from '../delivery/running.js';
import type { Gate } from '../lease/start-gate.js';

/** What a preparation has to know of its consumer. */
export interface Preparing {
  /** Whether what is ready may be started. */
  readonly isConsuming: boolean;
  /** Is asked before a handler begins. */
  readonly gate: Gate;
  /** Fires at the end of the consumer. */
  readonly stopped: AbortSignal;
  failed(error: unknown): void;
}

/** Asks Redis what has to be known of a delivery before its handler begins: whether it was handled, and its body. */
export class Preparation {
  constructor(
    private readonly broker: Pick<Broker, 'nowMs'>,
    /** An id that was handled is not handled again. */
    private readonly isOnce: boolean,
    private readonly consumer: Preparing,
  ) {}

  isNeeded({ envelope }: Delivery): boolean {
    return this.isOnce || envelope.parked !== undefined;
  }

  /** Undefined when its handler is to begin now; else how it ends without it. Never rejects. */
  async prepare(run: Run<Begun>): Promise<Outcome | undefined> {
    const { envelope } = run.item.delivery;
    const wasHandled = await this.#wasHandled(run);
    if (wasHandled !== false) return wasHandled === 'over' ? RELEASE : REPEATED;
    const end = await this.#unpark(run);
    if (end !== undefined) return end;
    if (!(await this.#untilMayStart(run))) return RELEASE;
    return isExpired(envelope, this.broker) ? EXPIRED : undefined;
  }

  /** Running it without knowing could repeat what must not be repeated. */
  async #wasHandled(run: Run<Begun>): Promise<boolean | 'over'> {
    const { id } = run.item.delivery.envelope;
    if (!this.isOnce || id === undefined) return false;
    return this.#ask(run, (lease) => lease.wasHandled(id));
  }

  /** Fetches a body that is parked beside the queue. Answers how it ended where there is nothing to run. */
  async #unpark(run: Run<Begun>): Promise<Outcome | undefined> {
    const { delivery } = run.item;
    const { parked } = delivery.envelope;
    if (parked === undefined) return undefined;
    const body = await this.#ask(run, (lease) => lease.parkedBody(parked));
    // What is given back without a lease is given back to nobody.
    if (body === 'over' || body === 'leaseLost') return RELEASE;
    if (body === undefined) return deadLetter('undecodable', bodyIsMissing(parked));
    delivery.unpark(body);
    return undefined;
  }

  /** False when it is not to begin any more. */
  async #untilMayStart(run: Run<Begun>): Promise<boolean> {
    while (this.#mayBegin(run)) {
      if (this.consumer.gate.mayStart()) return true;
      await this.consumer.gate.opened();
    }
    return false;
  }

  /** Asks until Redis answers; `over` when the handler is not to begin any more: the delivery goes back unharmed. */
  async #ask<T>(run: Run<Begun>, question: (lease: Lease) => Promise<T>): Promise<T | 'over'> {
    const { lease } = run.item.tenure;
    const { stopped } = this.consumer;
    const ask = async (): Promise<{ readonly answer: T } | undefined> =>
      this.#mayBegin(run) ? { answer: await question(lease) } : undefined;
    const asked = await retryUntilStopped(ask, stopped, (error) => this.consumer.failed(error));
    return asked !== undefined && this.#mayBegin(run) ? asked.answer : 'over';
  }

  /** Much may have happened while Redis was asked. */
  #mayBegin({ isOver, item }: Run<Begun>): boolean {
    return !isOver && !item.tenure.isOver && this.consumer.isConsuming;
  }
}

function bodyIsMissing(parked: string): UndecodableError {
  return new UndecodableError(
    `The header says that the body is parked as "${parked}" beside the queue, and nothing is there: was it deleted by hand?`,
  );
}
