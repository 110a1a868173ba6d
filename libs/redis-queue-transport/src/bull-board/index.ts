export { ActionRefusedError } from './action-refused-error.js';
export { everyRedisQueue } from './every-redis-queue.js';
export type { EveryRedisQueueOptions } from './every-redis-queue.js';
export { RedisQueueAdapter } from './redis-queue-adapter.js';
export type { QueueOnBoard, RedisQueueAdapterOptions } from './redis-queue-adapter.js';
