import { HIGHEST_PRIORITY, USUAL_PRIORITY, priorityOf } from '../message/priority.js';

/** A part of a list of waiting messages. */
export interface PartOfList {
  readonly priority: number;
  /** Whether it is a part of `waiting`, not of the list of its priority. */
  readonly isOfWaiting: boolean;
  readonly from: number;
  readonly length: number;
}

/**
 * The parts in which waiting messages are taken, apart from those of lower priorities that are taken in between. The first
 * one of `waiting` may be of any priority: then it comes first in its own.
 *
 * @param counts how many the list of each priority has, without the usual one
 */
export function orderOfWaiting(
  counts: ReadonlyMap<number, number>,
  waiting: number,
  first: Buffer | undefined,
): readonly PartOfList[] {
  const guest = first === undefined ? USUAL_PRIORITY : priorityOf(first);
  const guests = guest === USUAL_PRIORITY ? 0 : 1;
  const parts: PartOfList[] = [];
  for (let priority = HIGHEST_PRIORITY; priority >= 0; priority -= 1) {
    if (priority === USUAL_PRIORITY) {
      parts.push({ priority, isOfWaiting: true, from: guests, length: waiting - guests });
      continue;
    }
    const length = counts.get(priority) ?? 0;
    if (priority === guest) parts.push({ priority, isOfWaiting: true, from: 0, length: 1 });
    parts.push({ priority, isOfWaiting: false, from: 0, length });
  }
  return parts.filter(({ length }) => length > 0);
}

/** How many messages of each priority wait, without those that nobody has. */
export function countsByPriority(parts: readonly PartOfList[]): Readonly<Record<number, number>> {
  const sums: Record<number, number> = {};
  for (const { priority, length } of parts) sums[priority] = (sums[priority] ?? 0) + length;
  return sums;
}
