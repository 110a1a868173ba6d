import type { Published } from '../../core/broker/broker.js';
import { isMeantBy } from '../../core/events/event-patterns.js';
import { idOf } from '../../core/message/envelope.js';
import type { Element } from '../../core/message/envelope.js';

/** A live event that was emitted, and that so many listeners have not heard yet. */
export interface EventUnderWay {
  readonly pattern: string;
  readonly id: string;
  readonly missing: number;
}

/** What goes by between apps and broker: messages as they are sent, and live events on their way to those who listen. */
export class Traffic {
  readonly #elements = new Map<string, Element>();
  readonly #listeners = new Map<object, readonly string[]>();
  readonly #underWay = new Map<string, EventUnderWay>();

  sent(messageId: string, element: Element): void {
    this.#elements.set(messageId, element);
  }

  /** The latest message that was sent with this id. */
  elementOf(messageId: string): Buffer | undefined {
    const element = this.#elements.get(messageId);
    return element === undefined ? undefined : Buffer.from(element as string); // a Buffer is copied
  }

  listens(listener: object, patterns: readonly string[]): void {
    this.#listeners.set(listener, patterns);
  }

  listensNoMore(listener: object): void {
    this.#listeners.delete(listener);
    // Whom it was for is not known any more: it was for this one, or will hardly be missed.
    if (this.#listeners.size === 0) this.#underWay.clear();
  }

  async publishing(
    pattern: string,
    messageId: string,
    publish: () => Promise<Published>,
  ): Promise<Published> {
    const heardBy = [...this.#listeners.values()].flat();
    const missing = heardBy.filter((heard) => isMeantBy(heard, pattern)).length;
    if (missing > 0) this.#underWay.set(messageId, { pattern, id: messageId, missing });
    try {
      const published = await publish();
      if (published.isDuplicate) this.#underWay.delete(messageId);
      return published;
    } catch (error) {
      this.#underWay.delete(messageId);
      throw error;
    }
  }

  arrived(element: Buffer): void {
    const id = idOf(element) ?? '';
    const event = this.#underWay.get(id);
    if (event === undefined) return;
    if (event.missing === 1) this.#underWay.delete(id);
    else this.#underWay.set(id, { ...event, missing: event.missing - 1 });
  }

  get eventsUnderWay(): readonly EventUnderWay[] {
    return [...this.#underWay.values()];
  }
}
