import { messageOf } from './message-of.js';
import { RedisQueueError } from './redis-queue-error.js';

/** There is no usable connection to Redis. The call was not sent: nothing happened. */
export class RedisUnavailableError extends RedisQueueError {
  override readonly name = 'RedisUnavailableError';
  readonly code = 'REDIS_UNAVAILABLE';
}

/** The client was closed for good as its app shut down. The call was not sent, and the client stays closed. */
export class ClientClosedError extends RedisQueueError {
  override readonly name = 'ClientClosedError';
  readonly code = 'CLIENT_CLOSED';

  constructor() {
    super(
      'This client was closed for good when its app shut down (onApplicationShutdown). Nothing was sent. ' +
        'Make the call earlier, in onModuleDestroy or beforeApplicationShutdown, or use a client that you create and ' +
        'close yourself: new RedisQueueClient().',
    );
  }
}

/**
 * Too many calls of this client still wait for Redis's reply (`maxPendingMessages`, `maxPendingBytes`). Nothing was sent.
 */
export class SenderFullError extends RedisQueueError {
  override readonly name = 'SenderFullError';
  readonly code = 'SENDER_FULL';

  constructor(
    /** How many messages the call would have sent. */
    readonly messages: number,
    /** How many messages wait for Redis's reply. */
    readonly pendingMessages: number,
    /** Their size in bytes. */
    readonly pendingBytes: number,
    maxPendingMessages: number,
    maxPendingBytes: number,
  ) {
    super(
      `Cannot send ${messages === 1 ? 'another message' : `another ${messages} messages`}: ${pendingMessages} ` +
        `(${pendingBytes} bytes) of this client already wait for Redis's reply. The limits are maxPendingMessages ` +
        `${maxPendingMessages} and maxPendingBytes ${maxPendingBytes}. Nothing was sent. Redis is away or slow, or you send ` +
        'faster than it accepts: await earlier calls before you make more, or raise the option.',
    );
  }
}

/** As many messages wait in the queue as its servers allow (`maxLength`). Nothing was sent. */
export class QueueFullError extends RedisQueueError {
  override readonly name = 'QueueFullError';
  readonly code = 'QUEUE_FULL';

  constructor(
    /** The queue; for an event, that of the group whose list is full, `@GROUP/PATTERN`. */
    readonly queue: string,
    /** How many messages wait, delayed ones included. */
    readonly length: number,
    /** How many may wait. */
    readonly maxLength: number,
  ) {
    super(
      `The queue "${queue}" is full: ${length} messages wait, and its maxLength is ${maxLength}. Nothing was sent. ` +
        'Send again later, wait for room with waitForRoomMs, or let its servers take more: with more replicas, or with a ' +
        'higher maxLength.',
    );
  }
}

/**
 * The queue is too long to count anew what is out of its keys. If so many keys go on that it becomes too long, these are
 * corrected, and others are not.
 */
export class QueueTooLongError extends RedisQueueError {
  override readonly name = 'QueueTooLongError';
  readonly code = 'QUEUE_TOO_LONG';

  constructor(
    readonly queue: string,
    /** How many elements, keys and consumers together are counted at most. */
    readonly most: number,
  ) {
    super(
      `The queue "${queue}" is too long to count its keys anew: it has more than ${most} messages (without those in lanes), ` +
        'keys and consumers together, or more than 2 MiB of messages. Keys that are not corrected yet stay as they are. Try again when fewer messages wait.',
    );
  }
}

/** Redis returned an error. The call had no effect. */
export class RedisRefusedError extends RedisQueueError {
  override readonly name = 'RedisRefusedError';
  readonly code = 'REDIS_REFUSED';

  constructor(
    /** The first word of Redis's error: `OOM`, `NOPERM`, `WRONGTYPE`, `READONLY`, `WRONGPASS` … */
    readonly reply: string,
    message: string,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
  }
}

/**
 * Redis holds the message, but not as many replicas as `waitForReplicas` demands had it in time. A failover could lose it.
 * Sending it again with the same id and `deduplicateMs` adds no second message.
 */
export class NotReplicatedError extends RedisQueueError {
  override readonly name = 'NotReplicatedError';
  readonly code = 'NOT_REPLICATED';

  constructor(
    readonly messageId: string,
    /** How many replicas have it; undefined if Redis did not tell. */
    readonly replicas: number | undefined,
    /** How many should have it. */
    readonly wanted: number,
    timeoutMs: number,
    options?: { readonly cause?: unknown },
  ) {
    super(
      `Redis holds the message ${messageId}, but ` +
        (replicas === undefined
          ? `it is not known whether ${wanted} of its replicas have it: ${messageOf(options?.cause)}`
          : `only ${replicas} of its replicas had it within ${timeoutMs} ms, and waitForReplicas demands ${wanted}.`) +
        ' It will be handled, unless a failover comes first. Sent again with the same id and deduplicateMs, it is held once.',
      options,
    );
  }
}

/**
 * The connection was lost, or went silent, while the call was in flight: Redis may or may not have executed it. Or the
 * Redis user lost a permission during the call, and part of it may have been executed.
 */
export class OutcomeUnknownError extends RedisQueueError {
  override readonly name = 'OutcomeUnknownError';
  readonly code = 'OUTCOME_UNKNOWN';

  /** How often the message was sent: more than once if the client sent it again by itself. */
  readonly tries: number;
  /** Redis executed part of the call, since its user lacks a permission: sending again may add the message twice. */
  readonly isPartial: boolean;

  constructor(
    message: string,
    /** Id of the message, if the call sent one. */
    readonly messageId?: string,
    options: {
      readonly cause?: unknown;
      readonly tries?: number;
      readonly isPartial?: boolean;
    } = {},
  ) {
    super(message, options);
    this.tries = options.tries ?? 1;
    this.isPartial = options.isPartial ?? false;
  }
}

/** One of many messages that was not sent, or whose outcome is unknown. */
export interface SendFailure {
  /** Its index in the given list. */
  readonly index: number;
  /** The error that a call for this message alone would have had. An `OutcomeUnknownError` has the message's id. */
  readonly error: unknown;
}

/** Some or all of the messages of one call failed. The others are sent. */
export class IncompleteError extends RedisQueueError {
  override readonly name = 'IncompleteError';
  readonly code = 'INCOMPLETE';

  constructor(
    /** How many messages the call had. */
    given: number,
    /** The messages that failed, in order. */
    readonly failures: readonly SendFailure[],
    /** The results of the others, at their indexes in the given list; empty at the indexes of failed ones. */
    readonly results: readonly unknown[],
  ) {
    const [first] = failures;
    super(
      `${failures.length} of ${given} messages failed; send the ones in \`failures\` again. ` +
        `The first, at index ${first?.index}: ${messageOf(first?.error)}`,
      { cause: first?.error },
    );
  }
}

/**
 * A `mandatory()` event had no group and no live listener, or the lists of all its groups were full and dropped it. Nobody
 * gets it, now or later.
 */
export class NobodyListensError extends RedisQueueError {
  override readonly name = 'NobodyListensError';
  readonly code = 'NOBODY_LISTENS';

  constructor(
    readonly pattern: string,
    readonly messageId: string,
  ) {
    super(
      `Nobody listens to the mandatory event "${pattern}" (message ${messageId}). ` +
        'Start a server that handles it, or declare its group.',
    );
  }
}
