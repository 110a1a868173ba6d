import type { BeforeHook, BullBoardQueues } from '@bull-board/api/typings/app';
import { messageOf } from '../core/errors/message-of.js';
import { RedisQueueAdapter } from './redis-queue-adapter.js';
import type { QueueOnBoard, RedisQueueAdapterOptions } from './redis-queue-adapter.js';
import { ShownQueues } from './shown-queues.js';

export interface EveryRedisQueueOptions
  extends Omit<QueueOnBoard, 'queue'>, Omit<RedisQueueAdapterOptions, 'displayName'> {}

/** The route of the overview, where queues are listed. */
const LIST = '/api/queues';

/** Stands in front of a name that another queue on the board already has. */
const OURS = 'redis-queue:';

/**
 * A hook for `createBullBoard({ options: { handlerHooks: { before } } })` that shows every queue of the admin's Redis
 * and prefix, groups included, and new ones within five seconds. It leaves other queues on the board alone: if one of
 * them has the same name, ours is shown as `redis-queue:NAME`. One hook serves any number of boards.
 */
export function everyRedisQueue(options: EveryRedisQueueOptions): BeforeHook {
  const { admin, client, prefix = '', ...others } = options;
  const boards = new WeakMap<BullBoardQueues, ShownQueues>();

  const makeAdapter = (queue: string, isTaken: boolean): RedisQueueAdapter =>
    new RedisQueueAdapter(
      { admin, client, queue },
      { ...others, prefix: isTaken ? `${OURS}${prefix}` : prefix },
    );

  const shownOn = (board: BullBoardQueues): ShownQueues => {
    const shown = boards.get(board) ?? new ShownQueues(board, () => admin.queues(), makeAdapter);
    boards.set(board, shown);
    return shown;
  };

  return async ({ route, request }) => {
    const { queues, params } = request;
    // Requests about a queue that the board knows must work for others' queues even while our Redis is away.
    if (route !== LIST && queues.has(String(params['queueName']))) return undefined;
    try {
      await shownOn(queues).refreshed();
      return undefined;
    } catch (error) {
      // bull-board would hide the reason.
      return { allow: false, status: 500, message: messageOf(error) };
    }
  };
}
