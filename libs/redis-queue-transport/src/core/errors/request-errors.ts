import { RedisQueueError } from './redis-queue-error.js';

/** What did not arrive in time: the first reply, the next one, or the end of all replies. */
type LateReply = 'first' | 'next' | 'all';

/** No reply, or no further reply, arrived in time. The handler may or may not have run. */
export class RequestTimeoutError extends RedisQueueError {
  override readonly name = 'RequestTimeoutError';
  readonly code = 'REQUEST_TIMEOUT';

  constructor(
    readonly pattern: string,
    /** The time that has passed: `requestTimeoutMs`, for `all` `requestTotalTimeoutMs`, or the request's own. */
    readonly timeoutMs: number,
    readonly messageId: string,
    /** What was waited for: the `first` reply, the `next` one, or `all` of them. */
    readonly waitedFor: LateReply = 'first',
  ) {
    super(`${LATE[waitedFor](pattern, timeoutMs, messageId)}`);
  }
}

const LATE: Readonly<Record<LateReply, (pattern: string, ms: number, id: string) => string>> = {
  first: (pattern, ms, id) =>
    `No reply to "${pattern}" within ${ms} ms (message ${id}). ` +
    'Its servers may be down, busy or slow; raise requestTimeoutMs (of one request: timeoutMs) if the handler needs longer.',
  next: (pattern, ms, id) =>
    `No further reply to "${pattern}" within ${ms} ms of the last one (message ${id}). ` +
    'Its server may be down or slow; raise requestTimeoutMs (of one request: timeoutMs) if more time may pass between two values.',
  all: (pattern, ms, id) =>
    `The replies to "${pattern}" had not ended after ${ms} ms (message ${id}). ` +
    'Raise requestTotalTimeoutMs (of one request: totalTimeoutMs) if they need longer.',
};

/** No server has ever served the pattern of this `send`. Nothing was sent. */
export class NoHandlerError extends RedisQueueError {
  override readonly name = 'NoHandlerError';
  readonly code = 'NO_HANDLER';

  constructor(
    readonly pattern: string,
    /** The prefix of this client. */
    readonly prefix: string,
    why: string,
  ) {
    super(
      // Word for word what Nest's own transports say: programs look for it.
      'There is no matching message handler defined in the remote service. ' +
        `No server has ever served the pattern "${pattern}" (prefix "${prefix}"): ${why}`,
    );
  }
}

/**
 * The reply to a request that was not run: a message with its id was already handled within the `windowMs` of `once`
 * (`repeated`), or its `expiresIn` was over (`expired`).
 */
export class NotHandledError extends RedisQueueError {
  override readonly name = 'NotHandledError';
  readonly code = 'NOT_HANDLED';

  constructor(
    readonly pattern: string,
    readonly reason: 'repeated' | 'expired',
    /** Undefined if the message has no id. */
    readonly messageId: string | undefined,
  ) {
    super(
      reason === 'repeated'
        ? `The request ${messageId} to "${pattern}" was not handled again: a request with this id was handled before, and ` +
            'its reply is not kept. If you need the reply, give each request an id of its own, or none.'
        : `The request ${messageId ?? ''} to "${pattern}" was not handled: it expired before a handler was free.`,
    );
  }
}
