import type { Settlement } from '../broker/broker.js';
import type { Delivery } from './delivery.js';
import { deadLetterElement } from '../message/dead-letter.js';
import { withNextAttempt } from '../message/envelope.js';
import { deadLetter } from './outcome.js';
import type { Outcome } from './outcome.js';

/** What the making of a settlement needs to know of its surroundings. */
export interface SettlementFacts {
  readonly queue: string;
  readonly consumer: string;
  /** Redis time in ms. */
  readonly nowMs: number;
  /** For a message that came without an id and now needs a header. */
  readonly newId: () => string;
}

/**
 * The form in which a delivery's outcome is applied. Where that cannot be made, of an error that cannot be written or
 * whatever else, the delivery is dead-lettered as it came, with that for a reason: it must end somewhere. Never throws.
 */
export function settlementOf(
  delivery: Delivery,
  outcome: Outcome,
  facts: SettlementFacts,
): Settlement {
  try {
    return settlement(delivery, outcome, facts);
  } catch (error) {
    return settlement(delivery, deadLetter('undecodable', error), facts);
  }
}

function settlement(delivery: Delivery, outcome: Outcome, facts: SettlementFacts): Settlement {
  const { element } = delivery;
  switch (outcome.kind) {
    case 'ack':
    case 'release':
      return { kind: outcome.kind, element };
    case 'retry':
    case 'postpone': {
      const postponements = outcome.kind === 'postpone' ? 1 : 0;
      const replacement = withNextAttempt(element, facts.newId(), postponements);
      return { kind: 'retry', element, replacement, delayMs: outcome.delayMs };
    }
    case 'deadLetter': {
      const { queue, consumer, nowMs } = facts;
      const { reason, error } = outcome;
      const { attempt } = delivery.envelope;
      const replacement = deadLetterElement(element, {
        reason,
        error,
        attempt,
        queue,
        consumer,
        at: nowMs,
      });
      return { kind: 'deadLetter', element, replacement };
    }
  }
}
