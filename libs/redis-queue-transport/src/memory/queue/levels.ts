import type { QueueOrder } from '../../core/broker/lease.js';
import {
  HIGHEST_PRIORITY,
  LOWER_EVERY,
  USUAL_PRIORITY,
  priorityOf,
} from '../../core/message/priority.js';
import { headOf } from '../store/stored-queue.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** From the highest to the lowest. */
const LEVELS = Array.from({ length: HIGHEST_PRIORITY + 1 }, (_, n) => HIGHEST_PRIORITY - n);

/**
 * Adds an element at the end of its level. If nothing waits, it goes to `waiting` whatever its level, so that a blocked
 * consumer gets it. Returns whether it is in the list of a level.
 */
export function toItsLevel(queue: StoredQueue, element: Buffer): boolean {
  const level = priorityOf(element);
  const isAlone = queue.waiting.length === 0 && !queue.levels.isInUse;
  if (level === USUAL_PRIORITY || isAlone) {
    queue.waiting.push(element);
    return false;
  }
  queue.levels.add(level, element, 'right');
  return true;
}

/** Each to the head of where it came from, from the last on. What blocked consumers can get is in their sight. */
export function putBackAll(
  queue: StoredQueue,
  elements: readonly Buffer[],
  order: QueueOrder | undefined,
): void {
  let isLevelled = false;
  for (const element of elements) if (queue.putBack(element, order)) isLevelled = true;
  if (isLevelled) fill(queue, order);
}

/**
 * If `waiting` is empty, moves the next message of the highest level there, so that a blocked consumer gets it. Returns
 * whether levels still have some.
 */
export function fill({ waiting, levels }: StoredQueue, order: QueueOrder | undefined): boolean {
  const highest = LEVELS.find((level) => levels.lengthOf(level) > 0);
  if (waiting.length === 0 && highest !== undefined) {
    const element = levels.take(highest, headOf(order));
    if (element !== undefined) waiting.push(element);
  }
  levels.forgetTurn();
  return levels.isInUse;
}

/**
 * Removes the next element by level: of the highest that has some, and each tenth one of the lower ones in turn.
 */
export function takeByLevel(queue: StoredQueue, order: QueueOrder | undefined): Buffer | undefined {
  const { waiting, levels } = queue;
  const [highest, ...lower] = LEVELS.filter((level) =>
    level === USUAL_PRIORITY ? waiting.length > 0 : levels.lengthOf(level) > 0,
  );
  if (highest === undefined) return undefined;
  let level = highest;
  if (lower.length > 0) {
    levels.turn += 1;
    const turns = levels.turn / LOWER_EVERY;
    if (Number.isInteger(turns)) level = lower[(turns - 1) % lower.length] ?? highest;
  }
  return level === USUAL_PRIORITY ? queue.takeWaiting(order) : levels.take(level, headOf(order));
}
