import { isMarked, mark } from '../core/mark.js';
import type { RedisQueueServer } from './redis-queue-server.js';

export const SERVER = mark('server');

/** Whether it is a server of ours, of whichever copy of this package. */
export function isRedisQueueServer(value: unknown): value is RedisQueueServer {
  return isMarked(value, SERVER);
}
