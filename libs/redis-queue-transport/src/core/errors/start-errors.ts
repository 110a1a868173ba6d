import { RedisQueueError } from './redis-queue-error.js';

/** An option has an unusable value, or does not exist. Nothing was started. */
export class InvalidOptionError extends RedisQueueError {
  override readonly name = 'InvalidOptionError';
  readonly code = 'INVALID_OPTION';

  constructor(
    /** The option's name as the user wrote it. */
    readonly option: string,
    message: string,
  ) {
    super(message);
  }
}

/** A pattern cannot be used as a queue or channel name, or two handlers claim the same one. */
export class InvalidPatternError extends RedisQueueError {
  override readonly name = 'InvalidPatternError';
  readonly code = 'INVALID_PATTERN';

  constructor(
    readonly pattern: string,
    message: string,
  ) {
    super(message);
  }
}

/** A running server was started again, or got another handler. Nothing was changed. */
export class ServerStartedError extends RedisQueueError {
  override readonly name = 'ServerStartedError';
  readonly code = 'SERVER_STARTED';
}

/** Redis is configured in a way that loses messages, and the option `onEviction` says to refuse that. */
export class UnsafeRedisError extends RedisQueueError {
  override readonly name = 'UnsafeRedisError';
  readonly code = 'UNSAFE_REDIS';
}
