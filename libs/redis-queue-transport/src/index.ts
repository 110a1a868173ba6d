export { jsonCodec, rawCodec } from './core/codec.js';
export type { Codec } from './core/codec.js';
export {
  ClientClosedError,
  HandlerTimeoutError,
  HeaderTooLargeError,
  IncompleteError,
  InvalidOptionError,
  InvalidPatternError,
  LeaseLostError,
  NoHandlerError,
  NobodyListensError,
  NotHandledError,
  OutcomeUnknownError,
  PayloadTooLargeError,
  RedisQueueError,
  RedisRefusedError,
  RedisUnavailableError,
  RequestTimeoutError,
  SenderFullError,
  ServerStartedError,
  CallerGoneError,
  ShutdownError,
  UndecodableError,
  UnencodableError,
  UnsafeRedisError,
} from './core/errors.js';
export type { RedisQueueEventOptions } from './nest/event-options.js';
export type { RedisQueueErrorCode, SendFailure } from './core/errors.js';
export type {
  EventDeclarationOptions,
  HistoryOptions,
  RedisQueueDeclarations,
} from './nest/declarations.js';
export type {
  RedisQueueAdminOptions,
  RedisQueueBatchOptions,
  RedisQueueClientOptions,
  RedisQueueHandlerOptions,
  RedisQueueListOptions,
  RedisQueueRetryOptions,
  RedisQueueServerOptions,
} from './nest/options.js';
export type { QueueLengths } from './core/admin-broker.js';
export type { Retired } from './core/event-admin-broker.js';
export type { EventGroup, EventSubscriptions, HistoryEntry } from './core/event-admin.js';
export type { EventHistory } from './core/event-index.js';
export type { RedisQueueHealth, SlowedQueue } from './core/health.js';
export type {
  DeadLetterEntry,
  DeadLetterFilter,
  DelayedMessage,
  QueuedMessage,
  QueueOverview,
  Removal,
} from './core/queue-admin.js';
export { RedisQueueHttpFilter } from './nest/http-filter.js';
export { MessageHeaders, MessageId } from './nest/parameters.js';
export { RedisQueueEvent, RedisQueueMessage } from './nest/decorators.js';
export type { RedisQueueEventHandlerOptions, RedisQueuePattern } from './nest/decorators.js';
export { DeadLetter, RetryLater } from './nest/exceptions.js';
export { isWorthRetrying } from './nest/worth-retrying.js';
export { RedisQueueAdmin } from './nest/redis-queue-admin.js';
export type {
  HistoryPageOptions,
  RedisQueueName,
  ReplayOptions,
} from './nest/redis-queue-admin.js';
export type { RedisQueueCall } from './nest/hot.js';
export { RedisQueueClient } from './nest/redis-queue-client.js';
export type { EmitResult, EnqueueResult } from './nest/redis-queue-client.js';
export { RedisQueueBatchContext } from './nest/redis-queue-batch.context.js';
export type { RedisQueueBatchItem } from './nest/redis-queue-batch.context.js';
export { RedisQueueContext } from './nest/redis-queue.context.js';
export {
  RedisQueueModule,
  redisQueueAdminToken,
  redisQueueServerToken,
} from './nest/redis-queue.module.js';
export type {
  RedisQueueModuleAsyncOptions,
  RedisQueueModuleOptions,
  RedisQueueOptionsFactory,
  RedisQueueSettings,
} from './nest/redis-queue.module.js';
export { RedisQueueRecord, RedisQueueRecordBuilder } from './nest/redis-queue-record.js';
export type {
  RedisQueueEmitOptions,
  RedisQueueEnqueueOptions,
  RedisQueueRecordOptions,
  RedisQueueSendOptions,
} from './nest/message-settings.js';
export { REDIS_QUEUE_TRANSPORT, RedisQueueServer } from './nest/redis-queue-server.js';
export type { RedisQueueEvents, RedisQueueStatus } from './nest/status-events.js';
export type { ConnectionOption } from './open-broker.js';
