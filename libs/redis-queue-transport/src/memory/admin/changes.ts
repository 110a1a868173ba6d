import type { PurgedPart } from '../../core/admin/admin-broker.js';
import { keyOf } from '../../core/message/key.js';
import { priorityOf } from '../../core/message/priority.js';
import { endStay, forgetRests } from '../queue/lanes.js';
import { fill } from '../queue/levels.js';
import { unpark } from '../queue/unpark.js';
import type { StoredList } from '../store/stored-list.js';
import type { StoredQueue } from '../store/stored-queue.js';

/**
 * Makes delayed elements due, and wakes consumers. What is due at `lastDueMs` is due now, and the others as much before
 * it as they were: so they keep their order, over several calls too. Returns how many were there.
 */
export function advance(
  queue: StoredQueue,
  nowMs: number,
  elements: readonly Buffer[],
  lastDueMs: number,
): number {
  const advanced = elements.flatMap((element) => queue.delayed.remove(element) ?? []);
  for (const { dueMs, element } of advanced)
    queue.delayed.add(Math.min(dueMs, nowMs - lastDueMs + dueMs), element);
  if (advanced.length > 0) queue.wake('look');
  return advanced.length;
}

/** Removes an element that nobody holds, once, with its parked body. Returns whether it was there. */
export function removeElement(queue: StoredQueue, element: Buffer): boolean {
  const { delayed, lanes, levels, suspects, unkeyed, waiting } = queue;
  const { key, wasOut } = keyOf(element) ?? {};
  const wasDelayed = delayed.remove(element) !== undefined;
  const wasListed =
    !wasDelayed &&
    (removeAt(
      suspects,
      suspects.findIndex((each) => each.equals(element)),
    ) ||
      removeAt(waiting, lastIndexOf(waiting, element)) ||
      levels.remove(priorityOf(element), element));
  const wasThere =
    wasDelayed ||
    wasListed ||
    removeAt(
      unkeyed,
      unkeyed.findIndex((each) => each.equals(element)),
    ) ||
    (key !== undefined && lanes.remove(key, element));
  if (wasListed || (wasDelayed && wasOut === true)) endStay(queue, element);
  if (wasThere) {
    unpark(queue, element);
    fill(queue, undefined);
  }
  return wasThere;
}

function removeAt(list: StoredList, index: number): boolean {
  if (index === -1) return false;
  list.removeAt(index);
  return true;
}

function lastIndexOf(list: StoredList, element: Buffer): number {
  let index = list.length - 1;
  while (index >= 0 && list.at(index)?.equals(element) !== true) index -= 1;
  return index;
}

/** Removes messages with their parked bodies. Returns how many. */
export function purge(queue: StoredQueue, what: PurgedPart | 'all'): number {
  const { delayed, lanes, levels, suspects, unkeyed, waiting } = queue;
  /** Those that let others of their key go on. */
  const wereOut: Buffer[] = [];
  const removed: Buffer[] = [];
  if (what !== 'delayed') {
    removed.push(...lanes.empty(), ...unkeyed.slice());
    unkeyed.clear();
    for (const list of [suspects, waiting]) {
      wereOut.push(...list.slice());
      list.clear();
    }
    wereOut.push(...levels.empty());
  }
  if (what !== 'waiting') {
    for (const { element } of delayed.all)
      (keyOf(element)?.wasOut === true ? wereOut : removed).push(element);
    delayed.clear();
  }
  for (const element of wereOut) endStay(queue, element);
  if (what !== 'delayed') forgetRests(queue, 'timed');
  removed.push(...wereOut);
  for (const element of removed) unpark(queue, element);
  return removed.length;
}
