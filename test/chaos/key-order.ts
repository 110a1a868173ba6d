import { idOf } from '../support/element.js';
import type { JournalEntry } from '../support/journal.js';
import type { Book } from './books.js';

/** What is known of one message with a key. */
interface Keyed {
  readonly id: string;
  /** Each time that it was started, with its end, in the order of attempts. */
  readonly starts: readonly { readonly atMs: number; readonly endMs: number | undefined }[];
}

/**
 * The messages that were started before an earlier one of their key was settled for good. Of the earlier one its last start
 * counts, and when that ended: what had been taken back from a process does not. A message that is dead may have lost its
 * process, so only its last start counts.
 */
export function outOfOrder({ entries, dump }: Book): string[] {
  const dead = new Set(dump.dead.map(idOf));
  const early: string[] = [];
  for (const messages of byKey(entries).values()) {
    let settledMs = -Infinity;
    for (const { id, starts } of messages) {
      const [first] = starts;
      const last = starts.at(-1);
      if (first === undefined || last === undefined) continue; // it was never started
      if (first.atMs < settledMs) early.push(id);
      const endMs = dead.has(id) ? last.atMs : (last.endMs ?? last.atMs);
      settledMs = Math.max(settledMs, endMs);
    }
  }
  return early;
}

/** In the order in which they were sent. */
function byKey(entries: readonly JournalEntry[]): ReadonlyMap<string, readonly Keyed[]> {
  const deliveries = deliveriesOf(entries);
  const keys = new Map<string, Keyed[]>();
  for (const { event, id, key } of entries) {
    if (event !== 'sent' || key === undefined) continue;
    const message = { id, starts: deliveries.get(id) ?? [] };
    const known = keys.get(key);
    if (known === undefined) keys.set(key, [message]);
    else known.push(message);
  }
  return keys;
}

function deliveriesOf(entries: readonly JournalEntry[]): ReadonlyMap<string, Keyed['starts']> {
  const ends = new Map<string, number>();
  for (const entry of entries) if (entry.event === 'end') ends.set(deliveryOf(entry), entry.atMs);
  const starts = new Map<string, JournalEntry[]>();
  for (const entry of entries) {
    if (entry.event !== 'start') continue;
    const known = starts.get(entry.id);
    if (known === undefined) starts.set(entry.id, [entry]);
    else known.push(entry);
  }
  return new Map(
    [...starts].map(([id, all]) => {
      all.sort((one, other) => one.attempt - other.attempt || one.atMs - other.atMs);
      return [id, all.map((one) => ({ atMs: one.atMs, endMs: ends.get(deliveryOf(one)) }))];
    }),
  );
}

/** One message at one attempt in one process. */
function deliveryOf({ id, attempt, pid }: JournalEntry): string {
  return `${id} ${attempt} ${pid}`;
}
