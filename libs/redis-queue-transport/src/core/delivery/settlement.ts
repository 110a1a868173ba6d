import type { Settlement } from '../broker/lease.js';
import type { Delivery } from './delivery.js';
import { deadLetterElement } from '../message/dead-letter.js';
import { withNextAttempt } from '../message/envelope.js';
import { deadLetter } from './outcome.js';
import type { Outcome } from './outcome.js';

/** The facts about a queue that its settlements depend on. */
export interface SettlementFacts {
  readonly queue: string;
  /** Ids of handled messages are remembered. */
  readonly isOnce: boolean;
  /** Redis time in ms. */
  nowMs(): number;
  /** For a message that came without an id and now needs a header. */
  newId(): string;
}

/** A class and not a literal, since most messages need one: docs/decisions/0014. */
class Ack {
  readonly kind = 'ack';

  constructor(readonly element: Buffer) {}
}

/** Turns outcomes of deliveries into settlements. */
export class Settlements {
  constructor(private readonly facts: SettlementFacts) {}

  /**
   * If a settlement cannot be made, because an error cannot be written or for any other reason, the original element is
   * dead-lettered with that reason: it must end somewhere. Never throws.
   */
  of(delivery: Delivery, outcome: Outcome, consumer: string): Settlement {
    try {
      return this.#settlement(delivery, outcome, consumer);
    } catch (error) {
      return this.#settlement(delivery, deadLetter('undecodable', error), consumer);
    }
  }

  #settlement(delivery: Delivery, outcome: Outcome, consumer: string): Settlement {
    const { element } = delivery;
    switch (outcome.kind) {
      case 'ack':
        return this.#ack(delivery);
      case 'release':
        return { kind: 'release', element };
      case 'skip':
        return { kind: 'skip', element, why: outcome.why };
      case 'retry':
      case 'postpone': {
        const postponements = outcome.kind === 'postpone' ? 1 : 0;
        const replacement = withNextAttempt(element, this.facts.newId(), postponements);
        const { delayMs } = outcome;
        const retry = { kind: 'retry', element, replacement, delayMs } as const;
        if (outcome.kind === 'retry') return retry;
        if (outcome.slowsQueue === true) return { ...retry, slowsQueue: true };
        return outcome.slowsKey === true ? { ...retry, slowsKey: true } : retry;
      }
      case 'deadLetter': {
        const { queue } = this.facts;
        const { reason, error } = outcome;
        const { attempt } = delivery.envelope;
        const at = this.facts.nowMs();
        const facts = { reason, error, attempt, queue, consumer, at };
        return { kind: 'deadLetter', element, replacement: deadLetterElement(element, facts) };
      }
    }
  }

  #ack({ element, envelope }: Delivery): Settlement {
    if (this.facts.isOnce && envelope.id !== undefined)
      return { kind: 'ack', element, onceId: envelope.id };
    if (envelope.parked !== undefined) return { kind: 'ack', element, isParked: true };
    return new Ack(element);
  }
}
