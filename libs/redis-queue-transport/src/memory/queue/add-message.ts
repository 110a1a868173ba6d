import type { PushTerms } from '../../core/broker/broker.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { isFull } from './bound.js';
import { Delays } from './delays.js';
import { enter } from './lanes.js';

export interface AddedMessage {
  readonly id: string;
  readonly element: Buffer;
  readonly terms: PushTerms | undefined;
  /** Its body, if that is parked. */
  readonly parked: { readonly name: string; readonly body: Buffer } | undefined;
}

/** Adds a message, unless one with its id was added within the window, or the queue is full. */
export function addMessage(
  queue: StoredQueue,
  nowMs: number,
  { id, element, terms, parked }: AddedMessage,
): 'added' | 'duplicate' | 'full' {
  const { dueMs = 0, deduplicateMs = 0 } = terms ?? {};
  if (deduplicateMs > 0 && queue.ids.has(id, nowMs)) return 'duplicate';
  if (isFull(queue)) return 'full';
  if (parked !== undefined) park(queue, parked.name, parked.body);
  if (dueMs > nowMs) {
    const delays = new Delays(queue);
    delays.add(dueMs, element);
    delays.tell();
  } else enter(queue, element);
  if (deduplicateMs > 0) queue.ids.add(id, nowMs + deduplicateMs, nowMs);
  return 'added';
}

export function park(queue: StoredQueue, name: string, body: Buffer): void {
  queue.parked.set(name, body);
  queue.counts.parkedEver += 1;
}
