import type { Published } from '../../core/broker/broker.js';
import { QueueFullError } from '../../core/errors/call-errors.js';
import { groupsOf } from '../../core/events/event-index.js';
import { failureOf, replyError } from '../connection/failure.js';
import { DUPLICATE, emitLive } from './emit.script.js';
import type { Emitted } from './emit.script.js';
import type { Route } from './event-routes.js';

export function withListeners(emitted: Emitted, heard: number): Emitted {
  if (typeof emitted === 'number') return emitted === DUPLICATE ? emitted : emitted + heard;
  return isRefused(emitted) ? emitted : { ...emitted, listeners: emitted.listeners + heard };
}

export function isRefused(
  emitted: Emitted,
): emitted is Exclude<Emitted, number | { listeners: number }> {
  return typeof emitted === 'object' && !('listeners' in emitted);
}

const REPEATED: Published = { groups: 0, listeners: 0, isDuplicate: true, historyId: undefined };

/** The result of an emit, or why it failed. */
export function outcomeOf(
  messageId: string,
  route: Route,
  emitted: Emitted = DUPLICATE,
): Published | Error {
  if (emitted === DUPLICATE) return REPEATED;
  if (typeof emitted === 'number') return publishedOf(route.groups, emitted, undefined);
  if ('error' in emitted) return failureOf(replyError(emitted.error), emitLive.action, messageId);
  if ('full' in emitted) {
    const { full, length, maxLength } = emitted;
    return new QueueFullError(route.queues[full] ?? '', length, maxLength); // it has this list
  }
  const { dropped, listeners, historyId } = emitted;
  const groups =
    dropped.length === 0
      ? route.groups
      : groupsOf(route.queues.filter((_, index) => !dropped.includes(index)));
  return publishedOf(groups, listeners, historyId);
}

function publishedOf(groups: number, listeners: number, historyId: string | undefined): Published {
  return { groups, listeners, isDuplicate: false, historyId };
}
