import type { BaseAdapter } from '@bull-board/api/baseAdapter';
import type { BeforeHook, BullBoardQueues } from '@bull-board/api/typings/app';
import { messageOf } from '../core/errors/message-of.js';
import { RedisQueueAdapter } from './redis-queue-adapter.js';
import type { QueueOnBoard, RedisQueueAdapterOptions } from './redis-queue-adapter.js';

export interface EveryRedisQueueOptions
  extends Omit<QueueOnBoard, 'queue'>, Omit<RedisQueueAdapterOptions, 'displayName'> {}

/** A list of queues is believed for so long. */
const FRESH_MS = 5_000;

/** The route of the overview, where queues are listed. */
const LIST = '/api/queues';

/**
 * A hook for `createBullBoard({ options: { handlerHooks: { before } } })` that shows every queue of the admin's Redis and
 * prefix, groups included, and new ones as they come. Queues of others on the board are left alone: where one of them has
 * the name of ours, ours is shown as `redis-queue:NAME`.
 */
export function everyRedisQueue(options: EveryRedisQueueOptions): BeforeHook {
  const { admin, client, ...ofAdapters } = options;
  const shown = new Map<string, { readonly name: string; readonly adapter: BaseAdapter }>();
  let refreshing: Promise<void> | undefined;
  let freshUntilMs = 0;

  const show = (queues: BullBoardQueues, queue: string): void => {
    const plain = new RedisQueueAdapter({ admin, client, queue }, ofAdapters);
    const prefix = `redis-queue:${ofAdapters.prefix ?? ''}`;
    const adapter = queues.has(plain.getName())
      ? new RedisQueueAdapter({ admin, client, queue }, { ...ofAdapters, prefix })
      : plain;
    const name = adapter.getName();
    shown.set(queue, { name, adapter });
    queues.set(name, adapter);
  };

  const refresh = async (queues: BullBoardQueues): Promise<void> => {
    const names = await admin.queues();
    for (const [queue, { name, adapter }] of shown) {
      if (names.includes(queue) && queues.get(name) === adapter) continue;
      if (queues.get(name) === adapter) queues.delete(name);
      shown.delete(queue);
    }
    for (const queue of names) if (!shown.has(queue)) show(queues, queue);
    freshUntilMs = performance.now() + FRESH_MS;
  };

  return async ({ route, request }) => {
    const { queues, params } = request;
    const isNeeded = route === LIST || !queues.has(String(params['queueName']));
    if (!isNeeded || performance.now() < freshUntilMs) return undefined;
    try {
      refreshing ??= refresh(queues).finally(() => {
        refreshing = undefined;
      });
      await refreshing;
      return undefined;
    } catch (error) {
      // bull-board would hide the reason.
      return { allow: false, status: 500, message: messageOf(error) };
    }
  };
}
