import { PER_KEY_RUNNING, keyOf } from '../../core/message/key.js';
import type { StoredQueue } from '../store/stored-queue.js';

function mostOut({ terms }: StoredQueue): number {
  const most = Number(terms.get(PER_KEY_RUNNING) ?? 1);
  return most >= 1 ? most : 1;
}

/**
 * Counts one more of a key as out, and returns true; false if as many are out as may be, or others are before it: then it
 * belongs into its lane.
 */
export function goesOut(queue: StoredQueue, key: string): boolean {
  const out = queue.lanes.out.get(key) ?? 0;
  if (out > 0 && (out >= mostOut(queue) || queue.lanes.of(key).length > 0)) return false;
  queue.lanes.out.set(key, out + 1);
  return true;
}

/** Adds an element that was not out before: to the end of the queue or, behind others of its key, of its lane. */
export function enter(queue: StoredQueue, element: Buffer): void {
  const key = keyOf(element)?.key;
  if (key === undefined || goesOut(queue, key)) queue.waiting.push(element);
  else queue.lanes.add(key, element);
}

/**
 * Lets the next of a key go on, since the element is gone for good. For one that has no key, or was never counted because
 * somebody put it into a list by hand, it does nothing.
 */
export function endStay(queue: StoredQueue, element: Buffer): void {
  const key = keyOf(element)?.key;
  const out = key === undefined ? 0 : (queue.lanes.out.get(key) ?? 0);
  if (key === undefined || out < 1) return;
  const most = mostOut(queue);
  let left = out - 1;
  for (; left < most; left += 1) {
    const next = queue.lanes.takeNext(key);
    if (next === undefined) break;
    queue.waiting.push(next);
  }
  if (left === 0) queue.lanes.out.delete(key);
  else queue.lanes.out.set(key, left);
}
