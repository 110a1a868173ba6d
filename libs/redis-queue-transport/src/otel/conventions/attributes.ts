/**
 * The names of attributes in OpenTelemetry's messaging conventions (1.44, status "Development"). They stand here, since
 * OpenTelemetry's package may rename them at any time; those of `redis_queue` are our own.
 */
export const ATTRIBUTES = {
  system: 'messaging.system',
  /** What is done, in this library's words: `enqueue`, `emit`, `send`, `process`, `ack`, `retry` and so on. */
  operationName: 'messaging.operation.name',
  /** The same in words that all systems share: `send`, `process` or `settle`. */
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  /** The pattern with wildcards by which the handler gets the event. */
  template: 'messaging.destination.template',
  group: 'messaging.consumer.group.name',
  messageId: 'messaging.message.id',
  messageCount: 'messaging.batch.message_count',
  errorType: 'error.type',
  /** How many times the message was handed out, from 1. */
  attempt: 'redis_queue.attempt',
  /** The outcome of the handler: `ack`, `retry`, `postpone`, `deadLetter` or `release`. */
  outcome: 'redis_queue.outcome',
  /** False if the handler ended too late for its result to count. */
  counts: 'redis_queue.counts',
  /** How long until the next attempt, in ms. */
  delayMs: 'redis_queue.delay_ms',
  /** From 9, which is handed out first, to 0. */
  priority: 'redis_queue.priority',
  /** Why a message was dead-lettered, or not run. */
  reason: 'redis_queue.reason',
} as const;

/** The value of {@link ATTRIBUTES.system}. */
export const SYSTEM = 'redis_queue';

/** The name of the instrumentation that makes spans and metrics. */
export const SCOPE = 'nestjs-redis-queue-transport';
