import { GROUP_MARK } from '../../core/message/queue-name.js';
import type { IndexField } from '../../core/events/event-index.js';
import type { Begun, SubscriptionIndex } from '../../core/subscriptions/subscriptions.js';
import { fillGroup } from '../history/fill-group.js';
import type { Contact } from '../link/contact.js';
import type { Space } from '../store/space.js';

/** How long, in ms, it waits for the link, before it tries again. */
const PATIENCE_MS = 5_000;

/** The index of groups of a store. */
export class MemoryIndex implements SubscriptionIndex {
  constructor(
    private readonly contact: Contact,
    private readonly space: Space,
  ) {}

  ready(): Promise<void> {
    return this.contact.ready(PATIENCE_MS);
  }

  has(field: string): Promise<boolean> {
    return this.contact.call('read the groups', () => this.space.events.field(field) !== undefined);
  }

  set(
    fields: readonly IndexField[],
    { onlyMissing }: { readonly onlyMissing: boolean },
  ): Promise<void> {
    const { contact, space } = this;
    return contact.call('declare groups', () => {
      for (const [field, value] of fields) {
        const isKnown = space.events.field(field) !== undefined;
        if (!isKnown || !onlyMissing) space.events.setField(field, value);
        if (field.startsWith(GROUP_MARK)) space.list(field, 'pushed');
      }
    });
  }

  fill(queue: string, pattern: string, from: string): Promise<Begun> {
    return this.contact.call('begin a group', () => fillGroup(this.space, queue, pattern, from));
  }
}
