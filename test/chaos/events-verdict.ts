import type { JournalEntry } from '../support/journal.js';
import { idOf } from '../support/element.js';
import { sendResults } from '../support/ledger.js';
import { Violations } from '../support/violations.js';
import type { Violation } from '../support/violations.js';
import type { Book } from './books.js';
import type { RunRecord } from './run-record.js';

/** Judges durable events beyond the books of their groups. */
export function judgeEvents(record: RunRecord, books: readonly Book[]): readonly Violation[] {
  const { history, entries } = record;
  const groups = books.filter(({ group }) => group !== undefined);
  const [first] = groups;
  if (first === undefined) return [];
  const violations = new Violations();
  const results = sendResults(first.entries);
  const kept = new Set(history);
  violations.sayOf('twice in the history', repeated(history));
  for (const [id, result] of results) {
    if (result === 'confirmed' && !kept.has(id)) violations.say('not in the history', [id]);
    if (result === 'rejected' && kept.has(id)) violations.say('rejected, but in the history', [id]);
  }
  // If one group has an event, all groups and the history do, no matter what its emitter knows.
  for (const book of groups) {
    const known = idsIn(book);
    const differing = [...results.keys()].filter((id) => known.has(id) !== kept.has(id));
    violations.sayOf(`in the history or in group ${book.group}, but not in both`, differing);
  }
  violations.sayOf('live events with a gap or out of order before them', outOfOrder(record));
  const gaps = entries.filter(({ event }) => event === 'gap');
  if (gaps.length > 0) violations.say(`${gaps.length} gaps in live events`, []);
  return violations.all;
}

/** The ids of all messages that its consumers had, or that it still holds. */
function idsIn({ entries, dump }: Book): Set<string> {
  const seen = entries.filter(({ event }) => event === 'start' || event === 'expired');
  return new Set([
    ...seen.map(({ id }) => id),
    ...[...dump.waiting, ...dump.suspects, ...dump.dead].map(idOf),
  ]);
}

/** Every process hears a part of the history, in order and without a gap, except for events that had expired by then. */
function outOfOrder({ entries, history }: RunRecord): string[] {
  const positions = new Map(history.map((id, index) => [id, index]));
  const mayExpire = new Set(
    entries.filter(({ expiresInMs }) => expiresInMs !== undefined).map(({ id }) => id),
  );
  const isGap = (from: number, to: number): boolean =>
    from > to || history.slice(from, to).some((id) => !mayExpire.has(id));
  const last = new Map<number, number>();
  const wrong: string[] = [];
  for (const { id, pid } of entries.filter(isTold)) {
    const position = positions.get(id) ?? NaN;
    const before = last.get(pid);
    const isWrong = before !== undefined && (position <= before || isGap(before + 1, position));
    if (Number.isNaN(position) || isWrong) wrong.push(id);
    last.set(pid, position);
  }
  return wrong;
}

function isTold({ event }: JournalEntry): boolean {
  return event === 'told';
}

function repeated(ids: readonly string[]): string[] {
  const seen = new Set<string>();
  return ids.filter((id) => seen.size === seen.add(id).size);
}
