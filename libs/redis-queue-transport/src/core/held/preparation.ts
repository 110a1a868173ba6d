import type { Broker } from '../broker/broker.js';
import type { Lease } from '../broker/lease.js';
import type { Delivery } from '../delivery/delivery.js';
import { UndecodableError } from '../errors/data-errors.js';
import type { Begun } from './held.js';
import { isExpired } from '../delivery/intake.js';
import { EXPIRED, RELEASE, REPEATED, deadLetter } from '../delivery/outcome.js';
import type { Outcome } from '../delivery/outcome.js';
import { retryUntilStopped } from '../process/until-stopped.js';
import type { Run } from '../delivery/running.js';
import type { Gate } from '../lease/start-gate.js';
import type { Runtime } from '../process/runtime.js';

/** What a preparation needs to know about its consumer. */
export interface Preparing {
  /** Whether what it holds may be started. */
  readonly mayStart: boolean;
  /** Asked before a handler starts. */
  readonly gate: Gate;
  /** Fires at the end of the consumer. */
  readonly stopped: AbortSignal;
  failed(error: unknown): void;
}

/**
 * Asks Redis what a delivery needs before its handler can start: whether it was already handled, and its parked body.
 */
export class Preparation {
  constructor(
    private readonly broker: Pick<Broker, 'nowMs'>,
    /** An id that was handled is not handled again. */
    private readonly isOnce: boolean,
    private readonly consumer: Preparing,
    private readonly runtime: Runtime,
  ) {}

  isNeeded({ envelope }: Delivery): boolean {
    return this.isOnce || envelope.parked !== undefined;
  }

  /**
   * Begins the handler when it may start; otherwise returns the outcome without it. It begins in the step in which the gate
   * lets it: what others compute in between could outlast the lease. Never rejects.
   */
  async prepare(run: Run<Begun>, begin: () => void): Promise<Outcome | undefined> {
    const { envelope } = run.item.delivery;
    const wasHandled = await this.#wasHandled(run);
    if (wasHandled !== false) return wasHandled === 'over' ? RELEASE : REPEATED;
    const end = await this.#unpark(run);
    if (end !== undefined) return end;
    while (this.#mayBegin(run)) {
      if (isExpired(envelope, this.broker)) return EXPIRED;
      if (this.consumer.gate.mayStart()) {
        begin();
        return undefined;
      }
      await this.consumer.gate.opened();
    }
    return RELEASE;
  }

  /** Whether its id was handled before. Keeps asking, since running it without knowing could repeat an effect. */
  async #wasHandled(run: Run<Begun>): Promise<boolean | 'over'> {
    const { id } = run.item.delivery.envelope;
    if (!this.isOnce || id === undefined) return false;
    return this.#ask(run, (lease) => lease.wasHandled(id));
  }

  /** Fetches a parked body. Returns an outcome if there is nothing to run. */
  async #unpark(run: Run<Begun>): Promise<Outcome | undefined> {
    const { delivery } = run.item;
    const { parked } = delivery.envelope;
    if (parked === undefined) return undefined;
    const body = await this.#ask(run, (lease) => lease.parkedBody(parked));
    // Without a lease there is nothing to give back.
    if (body === 'over' || body === 'leaseLost') return RELEASE;
    if (body === undefined) return deadLetter('undecodable', bodyIsMissing(parked));
    delivery.unpark(body);
    return undefined;
  }

  /** Asks until Redis answers. `over` if the handler must not start any more: then the delivery goes back unharmed. */
  async #ask<T>(run: Run<Begun>, question: (lease: Lease) => Promise<T>): Promise<T | 'over'> {
    const { lease } = run.item.tenure;
    const { stopped } = this.consumer;
    const ask = async (): Promise<{ readonly answer: T } | undefined> =>
      this.#mayBegin(run) ? { answer: await question(lease) } : undefined;
    const failed = (error: unknown): void => this.consumer.failed(error);
    const asked = await retryUntilStopped(ask, stopped, failed, this.runtime);
    return asked !== undefined && this.#mayBegin(run) ? asked.answer : 'over';
  }

  /** Things may have changed while waiting for Redis. */
  #mayBegin({ isOver, item }: Run<Begun>): boolean {
    return !isOver && !item.tenure.isOver && this.consumer.mayStart;
  }
}

function bodyIsMissing(parked: string): UndecodableError {
  return new UndecodableError(
    `The header says that the body is parked as "${parked}" beside the queue, but there is no such body. Was it deleted by hand?`,
  );
}
