import type { QueueOrder } from '../../core/broker/lease.js';
import { readFront } from '../../core/message/header.js';
import { keyOf } from '../../core/message/key.js';
import { USUAL_PRIORITY, priorityOf } from '../../core/message/priority.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { enter, goesOut } from './lanes.js';
import { toItsLevel } from './levels.js';

/** Most delayed messages that one command releases. */
const MOST_DUE = 100;
/** How much of an element tells it from others. */
const OFFERED_BYTES = 96;

/** The messages that one command delays, and who is to be told of them. */
export class Delays {
  /** Earlier than all that was delayed before. */
  #earliestMs: number | undefined;

  constructor(private readonly queue: StoredQueue) {}

  add(dueMs: number, element: Buffer): void {
    const { delayed } = this.queue;
    if (delayed.first === undefined || delayed.first.dueMs > dueMs) this.#earliestMs = dueMs;
    delayed.add(dueMs, element);
  }

  /** If one of them is due before all others, tells the timekeeper. */
  tell(): void {
    if (this.#earliestMs !== undefined) this.queue.tellTimekeeper(this.#earliestMs);
  }
}

/** Whether it was handed out before. */
function wasOut(element: Buffer): boolean {
  const { crashes = 0, attempt = 1 } = readFront(element) ?? {};
  return crashes > 0 || attempt > 1;
}

/** Whether one that is due now waits until its key was read. */
function waitsForKey(queue: StoredQueue, element: Buffer): boolean {
  if (!queue.isKeyed || wasOut(element)) return false;
  enter(queue, element);
  return true;
}

/** Whether one that is due now has gone to the end of its lane, since others of its key are out that came before it. */
function goesToLane(queue: StoredQueue, element: Buffer): boolean {
  const { key, wasOut } = keyOf(element) ?? {};
  if (key === undefined || wasOut === true || goesOut(queue, key)) return false;
  queue.lanes.add(key, element);
  return true;
}

/**
 * Whether what is due now, and was not handed out before, goes to the end of its level. At the head, it would pass those
 * that were due before it, and wait because others are of a higher level, or have waited for that.
 */
function goesToEnd(queue: StoredQueue, order: QueueOrder | undefined): boolean {
  const { levels, waiting } = queue;
  queue.recall(order);
  if (!levels.isInUse && waiting.length === 0) queue.isDueLast = false;
  return levels.isInUse || queue.isDueLast;
}

/**
 * Moves delayed messages that are due to the head of the queue, the earliest first: no more than this consumer has room
 * for, or, where it has none, one for another consumer that waits, as long as nothing stands in its way. What comes
 * next would overtake those that stayed. None while the queue is paused. If nobody has taken that one by the next time,
 * it stays in front of those that are due later. While several levels have messages, those that were not handed out before
 * go to the end of their levels.
 *
 * Returns the ms until the next one is due: 0 if more are due that can go on, undefined if there is no need to look.
 */
export function releaseDue(
  queue: StoredQueue,
  nowMs: number,
  room: number,
  order: QueueOrder | undefined,
): number | undefined {
  const { delayed, waiting } = queue;
  if (delayed.length === 0) return undefined;
  const places = room > 0 ? Math.min(room, MOST_DUE) : waiting.length === 0 ? 1 : 0;
  const isSlowed = queue.slowedFor(nowMs) > 0;
  const movable = isSlowed || queue.isPaused ? 0 : Math.min(places, delayed.countDue(nowMs));
  const first = movable > 0 && room > 0 ? takeOffered(queue, order) : undefined;
  const most = first === undefined ? movable : Math.min(movable, room - 1);
  const due = Array.from({ length: most }, () => delayed.removeFirst()?.element ?? []).flat();
  const going = due.filter(
    (element) => !waitsForKey(queue, element) && !goesToLane(queue, element),
  );
  if (room === 0 && going.length > 0) queue.offered = going[0]?.subarray(0, OFFERED_BYTES);
  const isEnd = most > 0 && goesToEnd(queue, order);
  // Higher ones may keep it waiting, too.
  if (first !== undefined && queue.levels.isInUse && priorityOf(first) === USUAL_PRIORITY)
    queue.isDueLast = true;
  for (const element of going) if (isEnd && !wasOut(element)) addLast(queue, element);
  for (const element of going.reverse())
    if (!isEnd || wasOut(element)) queue.putBack(element, order);
  if (first !== undefined) queue.putBack(first, order);
  if (delayed.first === undefined) return undefined;
  const dueInMs = Math.max(0, Math.ceil(delayed.first.dueMs - nowMs));
  // What is due stays for the consumer that takes next.
  return dueInMs === 0 && most === 0 && first === undefined ? undefined : dueInMs;
}

function addLast(queue: StoredQueue, element: Buffer): void {
  if (!toItsLevel(queue, element)) queue.isDueLast = true;
}

/** Takes the head of the queue off if it was offered to other consumers. */
function takeOffered(queue: StoredQueue, order: QueueOrder | undefined): Buffer | undefined {
  const { offered, waiting } = queue;
  if (offered === undefined) return undefined;
  const head = waiting.at(order === 'newestFirst' ? -1 : 0);
  if (head?.subarray(0, offered.length).equals(offered) !== true) return undefined;
  queue.offered = undefined;
  return queue.takeWaiting(order);
}
