import type { Attributes } from '@opentelemetry/api';
import { subscriptionOf } from '../../core/message/queue-name.js';
import { ATTRIBUTES, SYSTEM } from '../conventions/attributes.js';
import { errorTypeOf } from '../conventions/error-type.js';
import { Bounded } from './bounded.js';

/** How many patterns, and how many queues, have series of their own. */
const MOST_DESTINATIONS = 1_000;
const MOST_ERROR_TYPES = 100;

/**
 * The attributes that tell one time series from another: patterns, groups and reasons, never ids. Their number is bounded,
 * even if patterns or the names of errors are made from data.
 */
export class Series {
  readonly #patterns = new Bounded(MOST_DESTINATIONS, attributesOf);
  readonly #queues = new Bounded(MOST_DESTINATIONS, (queue) => {
    const subscription = subscriptionOf(queue);
    return subscription === undefined
      ? attributesOf(queue)
      : { ...attributesOf(subscription.pattern), [ATTRIBUTES.group]: subscription.group };
  });
  readonly #errors = new Bounded(MOST_ERROR_TYPES, (type) => type);

  /** For what is sent to a pattern, or heard live by a handler's pattern, wildcards included. */
  ofPattern(pattern: string): Attributes {
    return this.#patterns.of(pattern);
  }

  /** For a queue. A queue of durable events is named by the handler's pattern, wildcards included, and by the group. */
  ofQueue(queue: string): Attributes {
    return this.#queues.of(queue);
  }

  errorType(error: unknown): string {
    return this.#errors.of(errorTypeOf(error));
  }
}

function attributesOf(destination: string): Attributes {
  return { [ATTRIBUTES.system]: SYSTEM, [ATTRIBUTES.destination]: destination };
}
