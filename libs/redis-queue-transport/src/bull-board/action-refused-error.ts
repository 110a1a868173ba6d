import { RedisQueueError } from '../index.js';

/** What was asked for on the board cannot be done to this queue or this message. Nothing was changed. */
export class ActionRefusedError extends RedisQueueError {
  override readonly name = 'ActionRefusedError';
  readonly code = 'ACTION_REFUSED';

  constructor(
    message: string,
    /** The HTTP status with which bull-board answers. */
    readonly statusCode: 400 | 409,
  ) {
    super(message);
  }
}
