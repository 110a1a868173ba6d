import type { Forgetting } from '../../core/admin/admin-broker.js';
import { FENCE_MS } from '../lease/reclaim.js';
import type { Space } from '../store/space.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** Removes what is left of a queue without messages that nobody serves. Ids are remembered until their time is over. */
export function forget(space: Space, name: string, queue: StoredQueue, nowMs: number): Forgetting {
  if (space.events.field(name) !== undefined) return 'isGroup';
  const { consumers, fenced, rests } = queue;
  if ([...consumers.values()].some((endsAtMs) => endsAtMs > nowMs - FENCE_MS)) return 'isServed';
  if ([...fenced.values()].some((untilMs) => untilMs > nowMs)) return 'isServed';
  if (queue.isPaused || [...rests.all.values()].some(({ untilMs }) => untilMs === Infinity))
    return 'isPaused';
  if (hasMessages(queue)) return 'hasMessages';
  const isKnown = space.listed.delete(name);
  queue.forget();
  return isKnown ? 'forgotten' : 'unknown';
}

function hasMessages(queue: StoredQueue): boolean {
  const { dead, delayed, fed, lanes, levels, processing, suspects, unkeyed, waiting } = queue;
  const counts = [waiting, unkeyed, suspects, delayed, dead, fed].map(({ length }) => length);
  return (
    counts.some((count) => count > 0) || processing.size + lanes.out.size > 0 || levels.isInUse
  );
}
