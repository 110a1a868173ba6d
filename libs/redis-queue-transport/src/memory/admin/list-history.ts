import type { HistoryElement, HistoryPart } from '../../core/admin/event-admin-broker.js';
import { endRank, startRank } from '../history/places.js';
import type { StoredHistory } from '../store/stored-history.js';

export function listHistory(
  { entries }: StoredHistory,
  { from, count, isNewestFirst }: HistoryPart,
): readonly HistoryElement[] {
  const end = from === undefined ? entries.length : endRank(entries, from);
  const start = from === undefined ? 0 : startRank(entries, from);
  const part = isNewestFirst
    ? entries.slice(end - count, end).toReversed()
    : entries.slice(start, start + count);
  return part.map(({ id, value: { number = 0, element } }) => ({
    entry: id,
    number,
    element: Buffer.from(element),
  }));
}

/** Up to a place, that entry included. */
export function lastEntry({ entries }: StoredHistory, to: string | undefined): string | undefined {
  const end = to === undefined ? entries.length : endRank(entries, to);
  return entries.slice(end - 1, end)[0]?.id;
}
