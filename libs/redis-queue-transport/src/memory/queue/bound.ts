import { boundIn } from '../../core/broker/bound.js';
import type { QueueLength } from '../../core/broker/broker.js';
import type { StoredQueue } from '../store/stored-queue.js';

function boundOf({ terms }: StoredQueue): number | undefined {
  return boundIn(terms.get('maxLength'));
}

/** How many messages a bound counts: all but those that consumers hold. */
function lengthOf({ waiting, unkeyed, levels, suspects, delayed, lanes }: StoredQueue): number {
  const listed = waiting.length + unkeyed.length + suspects.length;
  return listed + levels.waiting + delayed.length + lanes.waiting;
}

export function fillOf(queue: StoredQueue): QueueLength {
  return { length: lengthOf(queue), maxLength: boundOf(queue) };
}

export function isFull(queue: StoredQueue): boolean {
  const bound = boundOf(queue);
  return bound !== undefined && lengthOf(queue) >= bound;
}
