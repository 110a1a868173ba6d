import { enter } from '../queue/lanes.js';
import type { LogEntry } from '../collections/entry-log.js';
import type { KeptEvent, StoredHistory } from '../store/stored-history.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { endRank, startRank } from './places.js';

/** Bounds of one part, as of one call to Redis. */
const MOST_ENTRIES = 1_000;
const MOST_BYTES = 1_048_576;

/** Consecutive entries of a history. */
export interface HistoryPart {
  readonly entries: readonly LogEntry<KeptEvent>[];
  /** Where the next part begins; undefined if there is nothing more. */
  readonly next: string | undefined;
}

/** Reads from a place on, up to another one if it is given, as much as one call may. */
export function readPart({ entries }: StoredHistory, from: string, to?: string): HistoryPart {
  const start = startRank(entries, from);
  const end = to === undefined ? entries.length : endRank(entries, to);
  const part: LogEntry<KeptEvent>[] = [];
  let bytes = 0;
  for (const entry of entries.slice(start, Math.min(end, start + MOST_ENTRIES))) {
    part.push(entry);
    bytes += entry.value.element.length;
    if (bytes >= MOST_BYTES) break;
  }
  const last = part.at(-1);
  const hasMore = last !== undefined && start + part.length < end;
  return { entries: part, next: hasMore ? `(${last.id}` : undefined };
}

/** Adds the events of a part to the tail of a queue. Returns how many. */
export function addPart(queue: StoredQueue, { entries }: HistoryPart): number {
  const events = entries.filter(({ value }) => value.number !== undefined);
  enter(queue, ...events.map(({ value }) => Buffer.from(value.element)));
  return events.length;
}
