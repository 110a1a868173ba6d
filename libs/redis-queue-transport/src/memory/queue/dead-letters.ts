import type { StoredQueue } from '../store/stored-queue.js';
import { unpark } from './unpark.js';

/** Drops the oldest dead letters, with their parked bodies, until this many are left. Counts them. */
export function dropDeadAbove(queue: StoredQueue, most: number): void {
  while (queue.dead.length > most) dropOldest(queue);
}

/** The same for those that are older than this time. */
export function dropDeadBefore(queue: StoredQueue, beforeMs: number): void {
  while ((queue.dead.first?.atMs ?? Infinity) < beforeMs) dropOldest(queue);
}

function dropOldest(queue: StoredQueue): void {
  const dropped = queue.dead.removeFirst();
  if (dropped === undefined) return;
  unpark(queue, dropped.value);
  queue.counts.deadLettersDropped += 1;
}
