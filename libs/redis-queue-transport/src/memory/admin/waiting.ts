import { orderOfWaiting } from '../../core/admin/order-of-waiting.js';
import type { PartOfList } from '../../core/admin/order-of-waiting.js';
import type { StoredQueue } from '../store/stored-queue.js';

export function partsOfWaiting({ levels, waiting }: StoredQueue): readonly PartOfList[] {
  const counts = new Map([...levels.byLevel].map(([level, list]) => [level, list.length]));
  return orderOfWaiting(counts, waiting.length, waiting.at(0));
}

/** What consumers may take now, the next one first. */
export function waitingOf(queue: StoredQueue): readonly Buffer[] {
  const { byLevel } = queue.levels;
  const waiting = queue.waiting.slice();
  return partsOfWaiting(queue).flatMap(({ priority, isOfWaiting, from, length }) =>
    (isOfWaiting ? waiting : (byLevel.get(priority) ?? [])).slice(from, from + length),
  );
}
