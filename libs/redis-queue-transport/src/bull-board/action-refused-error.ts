import { RedisQueueError } from '../index.js';

/** The board asked for something that cannot be done to this queue or message. Nothing was changed. */
export class ActionRefusedError extends RedisQueueError {
  override readonly name = 'ActionRefusedError';
  readonly code = 'ACTION_REFUSED';

  constructor(
    message: string,
    /** The HTTP status of bull-board's response. */
    readonly statusCode: 400 | 409,
  ) {
    super(message);
  }
}
