import { readFront } from '../../core/message/header.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** Drops the body of an element that is gone for good, if it is parked. */
export function unpark(queue: StoredQueue, element: Buffer): void {
  if (queue.parked.size === 0) return;
  const parked = readFront(element)?.parked;
  if (parked !== undefined) queue.parked.delete(parked);
}
