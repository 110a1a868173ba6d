import type { JournalEntry, JournalEvent } from '../support/journal.js';
import type { QueueDump } from '../support/queue-dump.js';
import type { Life } from './replica.js';
import type { ClockStep, RunRecord } from './run-record.js';
import { BULK, OF_KEYS, PARTNER, WORK, queueOfGroup } from './settings.js';

/** Everything about one queue: each message meant for it, and what its consumers did. */
export interface Book {
  /** What was sent and to whom, as the report shows it. */
  readonly name: string;
  /** Undefined for messages that are not events. */
  readonly group: string | undefined;
  readonly entries: readonly JournalEntry[];
  readonly dump: QueueDump;
  readonly lives: readonly Life[];
  readonly garbage: number;
  readonly clockSteps: readonly ClockStep[];
}

const OF_SENDERS = new Set<JournalEvent>(['sent', 'confirmed', 'rejected', 'unknown']);

/** The books of a run: one for each queue of messages, and one for each group, which has a copy of each durable event. */
export function booksOf(record: RunRecord): readonly Book[] {
  const { lives, dump, bulk, partner, groups, garbage, clockSteps } = record;
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
      clockSteps,
    },
    {
      name: 'batches',
      group: undefined,
      entries: entriesOf('bulk', BULK),
      dump: bulk,
      lives,
      garbage: 0,
      clockSteps,
    },
    {
      name: 'pushed',
      group: undefined,
      entries: entriesOf('push', PARTNER),
      dump: partner,
      lives,
      garbage: 0,
      clockSteps,
    },
    ...[...record.keyed].map(([verb, queue]) => ({
      name: verb,
      group: undefined,
      entries: entriesOf(verb, OF_KEYS[verb]),
      dump: queue,
      lives,
      garbage: 0,
      clockSteps,
    })),
    ...[...groups].map(([group, copies]) => ({
      name: `emit: ${group}`,
      group,
      entries: entriesOf('emit', queueOfGroup(group)),
      dump: copies,
      lives,
      garbage: 0,
      clockSteps,
    })),
  ];
}

function concerns(entry: JournalEntry, verb: JournalEntry['verb'], queue: string): boolean {
  if (entry.event === 'stop') return true;
  if (OF_SENDERS.has(entry.event)) return (entry.verb ?? 'enqueue') === verb;
  return (entry.queue ?? WORK) === queue;
}
