import type { DeadElement, DeadLetterPart } from '../../core/admin/admin-broker.js';
import { RedisRefusedError } from '../../core/errors/call-errors.js';
import { enter } from '../queue/lanes.js';
import { unpark } from '../queue/unpark.js';
import type { LogEntry } from '../collections/entry-log.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** How entries are named. */
const ENTRY = /^(\d+)-(\d+)$/;

/** @throws RedisRefusedError if the part begins at what can be no entry */
export function listDeadLetters(
  { dead }: StoredQueue,
  { from, offset, count, isNewestFirst }: DeadLetterPart,
): readonly DeadElement[] {
  const place = from === undefined ? undefined : placeOf(from);
  if (isNewestFirst) {
    const end = place === undefined ? dead.length : dead.rankOf(place.atMs, place.sequence + 1);
    const newest = dead.slice(end - offset - count, end - offset);
    return newest.map(deadElement).reverse();
  }
  const start = (place === undefined ? 0 : dead.rankOf(place.atMs, place.sequence)) + offset;
  return dead.slice(start, start + count).map(deadElement);
}

export function findDeadLetter({ dead }: StoredQueue, entry: string): DeadElement | undefined {
  const found = dead.find(entry);
  return found === undefined ? undefined : deadElement(found);
}

/** To the tail of the queue, or of their lanes. Those that are gone are passed over. */
export function redriveDeadLetters(queue: StoredQueue, letters: readonly DeadElement[]): number {
  const there = letters.filter(({ entry }) => queue.dead.remove(entry) !== undefined);
  enter(queue, ...there.map(({ element }) => Buffer.from(element)));
  return there.length;
}

export function deleteDeadLetters(queue: StoredQueue, entries: readonly string[]): number {
  const deleted = entries.flatMap((entry) => queue.dead.remove(entry) ?? []);
  for (const { value } of deleted) unpark(queue, value);
  return deleted.length;
}

function deadElement({ id, value }: LogEntry<Buffer>): DeadElement {
  return { entry: id, element: Buffer.from(value) };
}

function placeOf(entry: string): { readonly atMs: number; readonly sequence: number } {
  const [, atMs, sequence] = ENTRY.exec(entry) ?? [];
  if (atMs === undefined || sequence === undefined)
    throw new RedisRefusedError('ERR', `Cannot list dead letters from "${entry}": it is no entry.`);
  return { atMs: Number(atMs), sequence: Number(sequence) };
}
