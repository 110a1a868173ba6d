import { setAside } from '../../core/message/set-aside.js';
import type { Names } from '../process/names.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { park } from './add-message.js';

/** Elements above this are larger than senders of this library leave in a list. */
export const LARGE_BYTES = 262_144;

/** Parks the body of a large element of another program. Returns what takes its place; a small one is returned as it is. */
export function parkedIfLarge(queue: StoredQueue, element: Buffer, names: Names): Buffer {
  if (element.length <= LARGE_BYTES) return element;
  const name = names.newBodyName();
  const parts = setAside(element, name, names.newId());
  park(queue, name, parts.body);
  return parts.element;
}
