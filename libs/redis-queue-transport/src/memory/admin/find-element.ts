import type { FoundElement } from '../../core/admin/admin-broker.js';
import { idOf } from '../../core/message/envelope.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { waitingOf } from './waiting.js';
import { heldIn } from './consumers.js';

/** Where the message of this id is, and its element. One of them if several have it. */
export function findElement(queue: StoredQueue, id: string): FoundElement | undefined {
  const isSought = (element: Buffer): boolean => idOf(element) === id;
  const delayed = queue.delayed.all.find(({ element }) => isSought(element));
  if (delayed !== undefined) return { place: 'delayed', ...delayed };
  const lists = [queue.unkeyed.slice(), queue.lanes.all, waitingOf(queue), queue.suspects.slice()];
  const element = lists.flat().find(isSought);
  if (element !== undefined) return { place: 'waiting', element };
  const held = heldIn(queue).find((each) => isSought(each.element));
  return held === undefined ? undefined : { place: 'held', ...held };
}
