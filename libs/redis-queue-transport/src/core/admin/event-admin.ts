import type { EventDeclaration } from '../broker/broker.js';
import { InvalidOptionError } from '../errors/start-errors.js';
import type {
  EventAdminBroker,
  HistoryElement,
  HistoryPart,
  Retired,
} from './event-admin-broker.js';
import { historyField } from '../events/event-index.js';
import type { EventHistory } from '../events/event-index.js';
import { subscriptionOf, subscriptionQueue } from '../message/queue-name.js';
import { wholeNumber } from '../options/options.js';
import type { MessageReader } from './message-reader.js';
import { PAGE, withLargeOf } from './pages.js';
import type { Page, Reading } from './pages.js';
import type { QueuedMessage } from './queued-message.js';

/** A group's subscription. */
export interface EventGroup {
  readonly group: string;
  readonly pattern: string;
  /** Its queue: the name for every call that manages queues. */
  readonly queue: string;
}

/** The groups and live listeners that want events, and the histories. */
export interface EventSubscriptions {
  readonly groups: readonly EventGroup[];
  /** Wildcards that have or had live listeners. */
  readonly wildcards: readonly string[];
  readonly histories: readonly EventHistory[];
}

/** An event of a history. */
export interface HistoryEntry extends QueuedMessage {
  /** Its place, as returned by `emit`. */
  readonly historyId: string;
  /** Counts the events of this history, from 1. */
  readonly number: number;
  /** The event's own pattern, even if that of the history has wildcards. */
  readonly pattern: string;
}

const limitRule = wholeNumber('events', 1);

/** Manages groups and histories, while servers run. */
export class EventAdmin {
  constructor(
    private readonly broker: EventAdminBroker,
    private readonly reader: Pick<MessageReader, 'event'>,
  ) {}

  async subscriptions(): Promise<EventSubscriptions> {
    const { queues, listeners, histories } = await this.broker.index();
    const groups = queues.flatMap((queue) => {
      const subscription = subscriptionOf(queue);
      return subscription === undefined ? [] : [{ ...subscription, queue }];
    });
    return { groups, wildcards: listeners, histories };
  }

  declare(declaration: EventDeclaration): Promise<void> {
    return this.broker.declare(declaration);
  }

  retire(pattern: string, group: string, waiting: 'drop' | 'keep'): Promise<Retired> {
    return this.broker.retire(subscriptionQueue({ group, pattern }), waiting);
  }

  endHistory(pattern: string, entries: 'drop' | 'keep'): Promise<Retired> {
    return this.broker.endHistory(pattern, entries);
  }

  forgetListeners(pattern: string): Promise<boolean> {
    return this.broker.forgetListeners(pattern);
  }

  async history(
    pattern: string,
    { from, limit = PAGE, isNewestFirst, ...reading }: Page & Reading & Omit<HistoryPart, 'count'>,
  ): Promise<{ readonly events: readonly HistoryEntry[]; readonly next: string | undefined }> {
    limitRule(limit, 'limit');
    const withLarge = withLargeOf(reading);
    const part = { from, count: limit + 1, isNewestFirst };
    const elements = await this.broker.history(pattern, part);
    const events = elements
      .slice(0, limit)
      .map((element) => this.#readEntry(pattern, element, withLarge));
    return { events, next: elements[limit]?.entry };
  }

  /** Replays up to the current end of the history. The group gets later events anyway. */
  async replay(
    pattern: string,
    group: string,
    range: { readonly from: string; readonly to: string | undefined },
  ): Promise<number> {
    const queue = subscriptionQueue({ group, pattern });
    await this.#assertReplayable(queue, group, pattern);
    const to = await this.broker.lastEntry(pattern, range.to);
    let replayed = 0;
    for (let from: string | undefined = range.from; from !== undefined && to !== undefined;) {
      const step = await this.broker.replay(pattern, queue, { from, to });
      replayed += step.replayed;
      from = step.next;
    }
    return replayed;
  }

  #readEntry(
    pattern: string,
    { entry, number, element }: HistoryElement,
    withLarge: boolean,
  ): HistoryEntry {
    const message = this.reader.event(element, withLarge);
    return { ...message, historyId: entry, number, pattern: message.pattern ?? pattern };
  }

  async #assertReplayable(queue: string, group: string, pattern: string): Promise<void> {
    if (!(await this.broker.isWanted(queue))) {
      throw new InvalidOptionError(
        'group',
        `group must be one that gets the events of "${pattern}" (see groups()), got "${group}"`,
      );
    }
    if (await this.broker.isWanted(historyField(pattern))) return;
    // An ended history may have kept its events.
    if ((await this.broker.lastEntry(pattern, undefined)) !== undefined) return;
    throw new InvalidOptionError(
      'pattern',
      `pattern must be one that has a history (see groups()), got "${pattern}". Declare a history, or give a handler the option history.`,
    );
  }
}
