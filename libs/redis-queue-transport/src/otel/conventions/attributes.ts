/**
 * The names of attributes in OpenTelemetry's messaging conventions (1.44, status "Development"). They stand here and not
 * in a package, as that one may rename them at any time; those of `redis_queue` are our own.
 */
export const ATTRIBUTES = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  group: 'messaging.consumer.group.name',
  messageId: 'messaging.message.id',
  messageCount: 'messaging.batch.message_count',
  errorType: 'error.type',
  /** How often the message was handed out, from 1. */
  attempt: 'redis_queue.attempt',
  /** What became of the message: `ack`, `retry`, `postpone`, `deadLetter` or `release`. */
  outcome: 'redis_queue.outcome',
} as const;

/** The value of {@link ATTRIBUTES.system}. */
export const SYSTEM = 'redis_queue';
