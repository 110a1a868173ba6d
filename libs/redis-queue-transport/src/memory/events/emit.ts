import type { Published } from '../../core/broker/broker.js';
import { parkedElement } from '../../core/message/envelope.js';
import type { QueueLength } from '../../core/broker/broker.js';
import { groupsOf } from '../../core/events/event-index.js';
import { park } from '../queue/add-message.js';
import { fillOf, isFull } from '../queue/bound.js';
import { enter } from '../queue/lanes.js';
import type { Space } from '../store/space.js';
import type { StoredQueue } from '../store/stored-queue.js';

export interface EmittedEvent {
  /** Without wildcards. */
  readonly pattern: string;
  readonly id: string;
  readonly element: Buffer;
  readonly deduplicateMs: number | undefined;
  /** Copies for groups that are larger leave their bodies beside the list, under names that begin with `bodyName`. */
  readonly parkAboveBytes: number;
  readonly bodyName: string;
}

/** The list of a group was full: nobody got the event. */
export interface RefusedEvent extends QueueLength {
  readonly full: string;
}

/** Gives the event to all who want it, listeners, groups and histories, or to nobody. */
export function emit(space: Space, nowMs: number, event: EmittedEvent): Published | RefusedEvent {
  const { deduplicateMs, element, id, pattern } = event;
  const { events } = space;
  const ids = deduplicateMs === undefined ? undefined : events.emitted(pattern);
  if (ids?.has(id, nowMs) === true)
    return { groups: 0, listeners: 0, isDuplicate: true, historyId: undefined };
  const route = events.index.routeOf(pattern);
  const full = route.queues.filter((name) => isFull(space.queue(name)));
  const refusing = full.find((name) => space.queue(name).terms.get('onFull') !== 'drop');
  if (refusing !== undefined) return { full: refusing, ...fillOf(space.queue(refusing)) };
  let listeners = 0;
  for (const listened of route.listeners) listeners += events.tell(listened, element);
  for (const [index, name] of route.queues.entries()) {
    if (full.includes(name)) space.queue(name).counts.copiesDropped += 1;
    else copy(space.queue(name), event, index + 1);
  }
  let historyId: string | undefined;
  for (const { pattern: kept, ...bounds } of route.histories) {
    const entry = events.history(kept).keep(nowMs, element, bounds);
    historyId ??= entry.id;
    listeners += entry.listeners;
  }
  // What nobody got may be sent again.
  const isHeld = historyId !== undefined || route.queues.length > full.length;
  if (isHeld || listeners > 0) ids?.add(id, nowMs + (deduplicateMs ?? 0), nowMs);
  const groups = groupsOf(route.queues.filter((name) => !full.includes(name)));
  return { groups, listeners, isDuplicate: false, historyId };
}

function copy(queue: StoredQueue, event: EmittedEvent, number: number): void {
  const { bodyName, element, parkAboveBytes } = event;
  if (element.length <= parkAboveBytes) return enter(queue, Buffer.from(element));
  const name = `${bodyName}-${number}`;
  const small = parkedElement(element, name);
  park(queue, name, Buffer.from(small.body));
  enter(queue, Buffer.from(small.element));
}
