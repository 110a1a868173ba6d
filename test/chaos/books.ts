import type { JournalEntry, JournalEvent } from '../support/journal.js';
import type { QueueDump } from '../support/queue-dump.js';
import type { Life } from './replica.js';
import type { RunRecord } from './run-record.js';
import { WORK, queueOfGroup } from './settings.js';

/** What concerns one queue: each message that was meant for it, and what its consumers did. */
export interface Book {
  /** What was sent, and to whom. */
  readonly name: string;
  /** Undefined for `WORK`. */
  readonly group: string | undefined;
  readonly entries: readonly JournalEntry[];
  readonly dump: QueueDump;
  readonly lives: readonly Life[];
  readonly garbage: number;
}

const OF_SENDERS = new Set<JournalEvent>(['sent', 'confirmed', 'rejected', 'unknown']);

/** The books of a run: one for what was enqueued, and one for each group, which has a copy of each durable event. */
export function booksOf(record: RunRecord): readonly Book[] {
  const { lives, dump, groups, garbage } = record;
  const entriesOf = (verb: JournalEntry['verb'], queue: string): readonly JournalEntry[] =>
    record.entries.filter((entry) => concerns(entry, verb, queue));
  return [
    {
      name: 'enqueue',
      group: undefined,
      entries: entriesOf('enqueue', WORK),
      dump,
      lives,
      garbage,
    },
    ...[...groups].map(([group, copies]) => ({
      name: `emit: ${group}`,
      group,
      entries: entriesOf('emit', queueOfGroup(group)),
      dump: copies,
      lives,
      garbage: 0,
    })),
  ];
}

function concerns(entry: JournalEntry, verb: JournalEntry['verb'], queue: string): boolean {
  if (entry.event === 'stop') return true;
  if (OF_SENDERS.has(entry.event)) return (entry.verb ?? 'enqueue') === verb;
  return (entry.queue ?? WORK) === queue;
}
