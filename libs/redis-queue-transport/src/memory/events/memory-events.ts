import type {
  Broker,
  EventDeclaration,
  Published,
  PublishTerms,
  RecoveryTerms,
} from '../../core/broker/broker.js';
import type { SubscriptionTerms } from '../../core/broker/lease.js';
import { OutcomeUnknownError, QueueFullError } from '../../core/errors/call-errors.js';
import type { Element } from '../../core/message/envelope.js';
import { LiveEvents } from '../../core/subscriptions/live-events.js';
import type { LiveListeners } from '../../core/subscriptions/live-events.js';
import { Subscriptions } from '../../core/subscriptions/subscriptions.js';
import { MemoryHistories } from '../history/memory-histories.js';
import type { Topic } from '../link/channel.js';
import type { Surroundings } from '../process/surroundings.js';
import type { Space } from '../store/space.js';
import { emit } from './emit.js';
import { MemoryIndex } from './memory-index.js';

/** An endless number of patterns must not fill the memory. */
const MOST_UNHEARD = 1_000;

/** The events of one process: what it emits, declares and listens to. */
export class MemoryEvents implements Pick<Broker, 'publish' | 'declare' | 'subscribe'> {
  readonly #subscriptions: Subscriptions;
  readonly #live: LiveEvents;
  /** Patterns of events that reached nobody. */
  readonly #unheard = new Set<string>();

  constructor(private readonly at: Surroundings) {
    const { channel, contact, events, options, space, store } = at;
    const { runtime } = options;
    const onError = (error: unknown): void => events.error(error);
    const kept = new MemoryHistories(contact, space, () => store.clock.nowMs());
    this.#subscriptions = new Subscriptions(new MemoryIndex(contact, space), runtime);
    this.#live = new LiveEvents({ kept, runtime, onError }, this.#subscriptions, (listeners) =>
      channel.listen(topicsOf(listeners, space)),
    );
  }

  /** The caller has reserved room in the budget, and gives it back. */
  async publish(
    pattern: string,
    id: string,
    element: Element,
    terms: PublishTerms | undefined,
  ): Promise<Published> {
    const { contact, names, options, space, store } = this.at;
    const parkAboveBytes = options.parkAboveBytes === false ? Infinity : options.parkAboveBytes;
    const bytes = Buffer.from(element);
    const event = {
      pattern,
      id,
      element: bytes,
      deduplicateMs: terms?.deduplicateMs,
      parkAboveBytes,
      bodyName: bytes.length > parkAboveBytes ? names.newBodyName() : '',
    };
    try {
      const published = await contact.call('emit an event', () =>
        emit(space, store.clock.nowMs(), event),
      );
      if ('full' in published) {
        const { full, length, maxLength = length } = published;
        throw new QueueFullError(full, length, maxLength);
      }
      if (isUnheard(published)) this.#onUnheard(pattern);
      return published;
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) throw error;
      throw new OutcomeUnknownError(error.message, id, { cause: error });
    }
  }

  #onUnheard(pattern: string): void {
    if (this.#unheard.has(pattern) || this.#unheard.size >= MOST_UNHEARD) return;
    this.#unheard.add(pattern);
    this.at.events.unserved('emit', pattern);
  }

  async declare(declaration: EventDeclaration): Promise<void> {
    await this.at.connect();
    await this.#subscriptions.declare(declaration);
  }

  async subscribe(
    patterns: readonly string[],
    onEvent: (pattern: string, element: Buffer) => void,
    recovery?: RecoveryTerms,
  ): Promise<void> {
    await this.at.connect();
    await this.#live.subscribe(patterns, onEvent, recovery);
  }

  /** Enters what the process wants into the index, before a consumer of it joins the queue. */
  join(queue: string, subscription: SubscriptionTerms | undefined): Promise<void> {
    return this.#subscriptions.join(queue, subscription);
  }

  /** Events may have been missed. */
  interrupted(): void {
    this.#live.interrupted();
  }

  stop(): void {
    this.#live.stop();
  }
}

function isUnheard({ groups, historyId, isDuplicate, listeners }: Published): boolean {
  return groups === 0 && listeners === 0 && historyId === undefined && !isDuplicate;
}

function topicsOf({ events, kept }: LiveListeners, space: Space): Topic[] {
  return [
    ...[...events].map(([pattern, hear]): Topic => ({
      name: `event:${pattern}`,
      begin: (deliver) => space.events.listen(pattern, (element) => deliver(() => hear(element))),
    })),
    ...[...kept].map(([pattern, hear]): Topic => ({
      name: `history:${pattern}`,
      begin: (deliver) => space.events.history(pattern).listen((told) => deliver(() => hear(told))),
    })),
  ];
}
