import type { PushTerms } from '../../core/broker/broker.js';
import { OutcomeUnknownError, QueueFullError } from '../../core/errors/call-errors.js';
import { parkedElement } from '../../core/message/envelope.js';
import type { Element } from '../../core/message/envelope.js';
import type { Surroundings } from '../process/surroundings.js';
import { addMessage } from './add-message.js';
import type { AddedMessage } from './add-message.js';
import { fillOf } from './bound.js';

/** How many queues that were sent to are remembered: an endless number of patterns must not fill the memory. */
const MOST_KNOWN_QUEUES = 1_000;

/** The pushes of one process. */
export class Pushes {
  /** Queues that are listed. */
  readonly #listed = new Set<string>();

  constructor(private readonly at: Surroundings) {}

  /** The caller has reserved room in the budget. */
  async push(
    queueName: string,
    id: string,
    element: Element,
    terms: PushTerms | undefined,
  ): Promise<'added' | 'duplicate'> {
    const { contact, options, space, store } = this.at;
    try {
      const queue = space.queue(queueName);
      const message = this.#messageOf(id, element, terms);
      const isNew = !this.#listed.has(queueName);
      const [pushed, before, fill] = await contact.call('hold a message', () => {
        const result = addMessage(queue, store.clock.nowMs(), message);
        const known = isNew && result !== 'full' ? space.list(queueName, 'pushed') : 'served';
        return [result, known, result === 'full' ? fillOf(queue) : undefined];
      });
      if (pushed === 'full') {
        const { length = 0, maxLength = length } = fill ?? {};
        throw new QueueFullError(queueName, length, maxLength);
      }
      if (isNew) this.#onListed(queueName, before);
      return pushed;
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) throw error;
      throw new OutcomeUnknownError(error.message, id, { cause: error });
    } finally {
      options.budget.give(element.length);
    }
  }

  #messageOf(id: string, element: Element, terms: PushTerms | undefined): AddedMessage {
    const bytes = Buffer.from(element);
    const { parkAboveBytes } = this.at.options;
    if (parkAboveBytes === false || bytes.length <= parkAboveBytes)
      return { id, element: bytes, terms, parked: undefined };
    const name = this.at.names.newBodyName();
    const small = parkedElement(bytes, name);
    const parked = { name, body: Buffer.from(small.body) };
    return { id, element: Buffer.from(small.element), terms, parked };
  }

  #onListed(queue: string, before: 'pushed' | 'served' | undefined): void {
    if (this.#listed.has(queue)) return;
    if (this.#listed.size >= MOST_KNOWN_QUEUES) this.#listed.clear();
    this.#listed.add(queue);
    if (before !== 'served') this.at.events.unserved('enqueue', queue);
  }
}
