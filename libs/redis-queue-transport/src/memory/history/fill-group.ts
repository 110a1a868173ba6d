import { historyField } from '../../core/events/event-index.js';
import { PRESENT } from '../../core/subscriptions/subscriptions.js';
import type { Begun } from '../../core/subscriptions/subscriptions.js';
import type { Space } from '../store/space.js';
import { addPart, readPart } from './history-part.js';

/** Fills a new group with the next part of a history; with the last one, it starts to get copies by itself. */
export function fillGroup(space: Space, queue: string, pattern: string, from: string): Begun {
  const { events } = space;
  if (events.field(queue) !== undefined) return 'begun';
  if (events.field(historyField(pattern)) === undefined) return 'noHistory';
  const part = readPart(events.history(pattern), events.cursors.get(queue) ?? from);
  addPart(space.queue(queue), part);
  if (part.next !== undefined) {
    events.cursors.set(queue, part.next);
    return 'more';
  }
  events.cursors.delete(queue);
  events.setField(queue, PRESENT);
  return 'begun';
}
