import type {
  EventAdminBroker,
  HistoryElement,
  HistoryPart,
  ReplayRange,
  ReplayStep,
  Retired,
} from '../../core/admin/event-admin-broker.js';
import type { EventDeclaration } from '../../core/broker/broker.js';
import type { EventIndex } from '../../core/events/event-index.js';
import { listenersField } from '../../core/events/event-index.js';
import { Subscriptions } from '../../core/subscriptions/subscriptions.js';
import { MemoryIndex } from '../events/memory-index.js';
import { addPart, readPart } from '../history/history-part.js';
import type { Contact } from '../link/contact.js';
import type { Store } from '../store/store.js';
import type { Space } from '../store/space.js';
import { lastEntry, listHistory } from './list-history.js';
import { endHistory, retire } from './retire.js';

/** Manages the groups and histories of a store. */
export class MemoryEventAdmin implements EventAdminBroker {
  readonly #space: Space;

  constructor(
    store: Store,
    prefix: string,
    private readonly contact: Contact,
  ) {
    this.#space = store.space(prefix);
  }

  index(): Promise<EventIndex> {
    return this.contact.call('read the groups', () => this.#space.events.index);
  }

  isWanted(field: string): Promise<boolean> {
    return this.contact.call(
      'read the groups',
      () => this.#space.events.field(field) !== undefined,
    );
  }

  async declare(declaration: EventDeclaration): Promise<void> {
    const index = new MemoryIndex(this.contact, this.#space);
    await new Subscriptions(index, this.contact.runtime).declare(declaration);
  }

  retire(queue: string, waiting: 'drop' | 'keep'): Promise<Retired> {
    return this.contact.call('retire a group', () => retire(this.#space, queue, waiting));
  }

  endHistory(pattern: string, entries: 'drop' | 'keep'): Promise<Retired> {
    return this.contact.call('end a history', () => endHistory(this.#space, pattern, entries));
  }

  forgetListeners(pattern: string): Promise<boolean> {
    const field = listenersField(pattern);
    return this.contact.call('forget listeners', () => this.#space.events.deleteField(field));
  }

  history(pattern: string, part: HistoryPart): Promise<readonly HistoryElement[]> {
    return this.contact.call('list a history', () =>
      listHistory(this.#space.events.history(pattern), part),
    );
  }

  lastEntry(pattern: string, to: string | undefined): Promise<string | undefined> {
    return this.contact.call('list a history', () =>
      lastEntry(this.#space.events.history(pattern), to),
    );
  }

  replay(pattern: string, queue: string, { from, to }: ReplayRange): Promise<ReplayStep> {
    return this.contact.call('replay a history', () => {
      const part = readPart(this.#space.events.history(pattern), from, to);
      return { replayed: addPart(this.#space.queue(queue), part), next: part.next };
    });
  }
}
