import { historyField } from '../../core/events/event-index.js';
import type { HistoryPage } from '../../core/subscriptions/history-page.js';
import type { KeptEvents } from '../../core/subscriptions/recovered-events.js';
import type { Contact } from '../link/contact.js';
import type { Space } from '../store/space.js';
import { readPart } from './history-part.js';

/** How long, in ms, it waits for the link. Those who read try again. */
const PATIENCE_MS = 5_000;

/** The histories of a store. */
export class MemoryHistories implements KeptEvents {
  constructor(
    private readonly contact: Contact,
    private readonly space: Space,
    readonly nowMs: () => number,
  ) {}

  isKept(pattern: string): Promise<boolean> {
    const field = historyField(pattern);
    return this.contact.call('read the groups', () => this.space.events.field(field) !== undefined);
  }

  async read(pattern: string, from: string | undefined): Promise<HistoryPage> {
    await this.contact.ready(PATIENCE_MS);
    return this.contact.call('read a history', () => readPage(this.space, pattern, from));
  }
}

function readPage(space: Space, pattern: string, from: string | undefined): HistoryPage {
  const history = space.events.history(pattern);
  const { entries, next } =
    from === undefined ? { entries: [], next: undefined } : readPart(history, from);
  const events = entries.flatMap(({ id, value: { number, element } }) =>
    number === undefined ? [] : [{ number, id, element: Buffer.from(element) }],
  );
  const newest = entries.at(-1) ?? history.entries.last;
  const readTo = next === undefined ? undefined : newest?.id;
  return { total: history.total, newest: newest?.id ?? '0-0', events, readTo };
}
