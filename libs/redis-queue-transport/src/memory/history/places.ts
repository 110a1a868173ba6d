import { RedisRefusedError } from '../../core/errors/call-errors.js';
import { EARLIEST } from '../../core/events/history-start.js';
import type { EntryLog } from '../collections/entry-log.js';

type Entries = Pick<EntryLog<unknown>, 'length' | 'rankOf'>;

/** An entry, or a time, as Redis reads them in streams: with `(`, that entry is not meant. */
const PLACE = /^(\(?)(\d+)(?:-(\d+))?$/;

/** How many entries stand before a part that begins there: at an entry, at a time, or at the oldest entry. */
export function startRank(entries: Entries, place: string): number {
  if (place === EARLIEST) return 0;
  const { isExcluded, atMs, sequence = 0 } = read(place);
  return entries.rankOf(atMs, isExcluded ? sequence + 1 : sequence);
}

/** How many stand up to there, with the entry itself, or with all of that time. */
export function endRank(entries: Entries, place: string): number {
  const { atMs, sequence } = read(place);
  return sequence === undefined ? entries.rankOf(atMs + 1, 0) : entries.rankOf(atMs, sequence + 1);
}

function read(place: string): {
  readonly isExcluded: boolean;
  readonly atMs: number;
  readonly sequence: number | undefined;
} {
  const [, mark, atMs, sequence] = PLACE.exec(place) ?? [];
  if (atMs === undefined)
    throw new RedisRefusedError('ERR', `Cannot read a history at "${place}": it is no entry.`);
  return {
    isExcluded: mark === '(',
    atMs: Number(atMs),
    sequence: sequence === undefined ? undefined : Number(sequence),
  };
}
