export { jsonCodec, rawCodec } from './core/body/codec.js';
export type { Codec } from './core/body/codec.js';
export {
  ClientClosedError,
  IncompleteError,
  NobodyListensError,
  OutcomeUnknownError,
  NotReplicatedError,
  QueueFullError,
  QueueTooLongError,
  RedisRefusedError,
  RedisUnavailableError,
  SenderFullError,
} from './core/errors/call-errors.js';
export {
  HandlerTimeoutError,
  LeaseLostError,
  CallerGoneError,
  ShutdownError,
} from './core/errors/abort-reasons.js';
export {
  HeaderTooLargeError,
  PayloadTooLargeError,
  UndecodableError,
  UnencodableError,
  UnreadableKeyError,
} from './core/errors/data-errors.js';
export {
  InvalidOptionError,
  InvalidPatternError,
  ServerStartedError,
  UnsafeRedisError,
} from './core/errors/start-errors.js';
export {
  NoHandlerError,
  NotHandledError,
  RequestTimeoutError,
} from './core/errors/request-errors.js';
export { RedisQueueError } from './core/errors/redis-queue-error.js';
export type { RedisQueueEventKey, RedisQueueEventOptions } from './nest/options/event-options.js';
export type { RedisQueueErrorCode } from './core/errors/redis-queue-error.js';
export type { SendFailure } from './core/errors/call-errors.js';
export type {
  EventDeclarationOptions,
  HistoryOptions,
  RedisQueueDeclarations,
} from './nest/options/declarations.js';
export type {
  RedisQueueAdminOptions,
  RedisQueueBatchOptions,
  RedisQueueClientOptions,
  RedisQueueFeedOptions,
  RedisQueueHandlerOptions,
  RedisQueueLimitOptions,
  RedisQueueReplicas,
  RedisQueuePerKeyOptions,
  RedisQueueRetryOptions,
  RedisQueueServerOptions,
} from './nest/options/options.js';
export type {
  Forgetting,
  LaneTotal,
  QueueConsumer,
  QueueLengths,
} from './core/admin/admin-broker.js';
export type { Retired } from './core/admin/event-admin-broker.js';
export type { EventGroup, EventSubscriptions, HistoryEntry } from './core/admin/event-admin.js';
export type { EventHistory } from './core/events/event-index.js';
export type {
  HandlerEnd,
  ObservedDelivery,
  ObservedMessage,
  RedisQueueObserver,
} from './core/lifecycle/observer.js';
export type {
  LostLease,
  RedisQueueHealth,
  RefusedQueue,
  SlowedQueue,
} from './core/broker/health.js';
export type { DeadLetterFilter } from './core/admin/dead-letter-admin.js';
export type {
  LanesCheck,
  PausedPart,
  PeekPage,
  QueueLane,
  QueueOverview,
  QueuesOverview,
  Removal,
  UnreadableQueue,
  WrongLane,
} from './core/admin/queue-admin.js';
export type {
  DeadLetterEntry,
  DelayedMessage,
  FoundMessage,
  HeldMessage,
  QueuedMessage,
} from './core/admin/queued-message.js';
export { RedisQueueHttpFilter } from './nest/handlers/http-filter.js';
export { MessageHeaders, MessageId } from './nest/context/parameters.js';
export { RedisQueueEvent, RedisQueueMessage } from './nest/handlers/decorators.js';
export type {
  RedisQueueEventHandlerOptions,
  RedisQueuePattern,
} from './nest/handlers/decorators.js';
export { DeadLetter, RetryLater, SlowDown } from './nest/context/exceptions.js';
export { isWorthRetrying } from './nest/internals/worth-retrying.js';
export { RedisQueueAdmin } from './nest/admin/redis-queue-admin.js';
export type {
  DeadLetterPageOptions,
  HistoryPageOptions,
  PausedQueues,
  RedisQueueName,
  ReplayOptions,
} from './nest/admin/redis-queue-admin.js';
export type { RedisQueueCall } from './nest/client/hot.js';
export { RedisQueueClient } from './nest/client/redis-queue-client.js';
export type { EmitResult, EnqueueResult, QueueFill } from './nest/client/call-results.js';
export { RedisQueueBatchContext } from './nest/context/redis-queue-batch.context.js';
export type { RedisQueueBatchItem } from './nest/context/redis-queue-batch.context.js';
export { RedisQueueContext } from './nest/context/redis-queue.context.js';
export {
  RedisQueueModule,
  redisQueueAdminToken,
  redisQueueServerToken,
} from './nest/module/redis-queue.module.js';
export type {
  RedisQueueModuleAsyncOptions,
  RedisQueueModuleOptions,
  RedisQueueOptionsFactory,
  RedisQueueSettings,
} from './nest/module/redis-queue.module.js';
export { RedisQueueRecord, RedisQueueRecordBuilder } from './nest/packets/redis-queue-record.js';
export type {
  RedisQueueEmitOptions,
  RedisQueueEnqueueOptions,
  RedisQueueRecordOptions,
  RedisQueueSendOptions,
} from './nest/packets/message-settings.js';
export { RedisQueueServer } from './nest/server/redis-queue-server.js';
export type { RedisQueueEvents, RedisQueueStatus } from './nest/log/status-events.js';
export { REDIS_QUEUE_TRANSPORT } from './nest/handlers/transport-id.js';
export type { ConnectionOption } from './open-broker.js';
