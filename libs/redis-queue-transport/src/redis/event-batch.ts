import type { Element } from '../core/envelope.js';
import type { Connection } from './connection.js';
import { failureOf, failureOfOne, replyError } from './failure.js';
import { publish } from './scripts/publish.js';
import { TickBatch } from './tick-batch.js';

interface OutgoingEvent {
  readonly channel: string;
  readonly messageId: string;
  readonly element: Element;
  readonly resolve: (listeners: number) => void;
  readonly reject: (error: unknown) => void;
}

/** So many events leave with one call at the most, so that no single one keeps Redis busy for long. */
const MOST_EVENTS = 500;

/** Publishes the events of one turn of the event loop together, in the order of the calls. */
export class EventBatch {
  readonly #batch = new TickBatch<OutgoingEvent>((events) => this.#flush(events));

  constructor(private readonly connection: Connection) {}

  /** Answers how many connections listened. */
  add(channel: string, messageId: string, element: Element): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#batch.add({ channel, messageId, element, resolve, reject }),
    );
  }

  #flush(events: readonly OutgoingEvent[]): void {
    const [lone] = events;
    if (events.length === 1 && lone !== undefined) return void this.#publish(lone);
    for (let from = 0; from < events.length; from += MOST_EVENTS)
      void this.#send(events.slice(from, from + MOST_EVENTS));
  }

  async #publish({ channel, messageId, element, resolve, reject }: OutgoingEvent): Promise<void> {
    const { action } = publish;
    await this.connection
      .run(action, (client) => client.publish(channel, element), messageId)
      .then(resolve, reject);
  }

  /** Never rejects: each event has its own promise. */
  async #send(events: readonly OutgoingEvent[]): Promise<void> {
    const channelsAndElements = events.flatMap(({ channel, element }) => [channel, element]);
    try {
      const listeners = await publish.run(this.connection, {}, {}, channelsAndElements);
      events.forEach((event, index) => settle(event, listeners[index] ?? 0));
    } catch (error) {
      for (const event of events)
        event.reject(failureOfOne(error, publish.action, event.messageId));
    }
  }
}

function settle(event: OutgoingEvent, answer: number | string): void {
  if (typeof answer === 'number') event.resolve(answer);
  else event.reject(failureOf(replyError(answer), publish.action, event.messageId));
}
