import { isMarked, mark } from './mark.js';

const ERROR = mark('error');

/** Each error class has its own, so that a `switch` over them can be checked for completeness. */
export type RedisQueueErrorCode =
  | 'INVALID_OPTION'
  | 'INVALID_PATTERN'
  | 'SERVER_STARTED'
  | 'UNENCODABLE'
  | 'UNDECODABLE'
  | 'PAYLOAD_TOO_LARGE'
  | 'HEADER_TOO_LARGE'
  | 'REDIS_UNAVAILABLE'
  | 'CLIENT_CLOSED'
  | 'SENDER_FULL'
  | 'UNSAFE_REDIS'
  | 'REDIS_REFUSED'
  | 'OUTCOME_UNKNOWN'
  | 'INCOMPLETE'
  | 'REQUEST_TIMEOUT'
  | 'NO_HANDLER'
  | 'NOT_HANDLED'
  | 'NOBODY_LISTENS'
  | 'LEASE_LOST'
  | 'HANDLER_TIMEOUT'
  | 'CALLER_GONE'
  | 'SHUTDOWN';

/** Base of every error that this library throws. `code` is stable and meant to be compared; the message is for people. */
export abstract class RedisQueueError extends Error {
  abstract readonly code: RedisQueueErrorCode;

  static {
    Object.defineProperty(this.prototype, ERROR, { value: true });
  }

  /** Recognises errors of another copy of this package by their name. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    // The prototype of the class carries the mark itself.
    if (!isMarked(value, ERROR) || Object.hasOwn(value as object, ERROR)) return false;
    return this === RedisQueueError || Reflect.get(value as object, 'name') === this.name;
  }
  /** Written out, since bundlers shorten class names. */
  abstract override readonly name: string;
}

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

/** The data of a message cannot be encoded (a BigInt, a circular structure …). Nothing was sent. */
export class UnencodableError extends RedisQueueError {
  override readonly name = 'UnencodableError';
  readonly code = 'UNENCODABLE';
}

/** The bytes of an element cannot be read as an envelope or as data. The element is dead-lettered. */
export class UndecodableError extends RedisQueueError {
  override readonly name = 'UndecodableError';
  readonly code = 'UNDECODABLE';
}

/**
 * A body is larger than `maxPayloadBytes`. At the sender: nothing was sent. At the receiver: the message is dead-lettered
 * without being decoded.
 */
export class PayloadTooLargeError extends RedisQueueError {
  override readonly name = 'PayloadTooLargeError';
  readonly code = 'PAYLOAD_TOO_LARGE';

  constructor(
    /** Size of the encoded body. */
    readonly bytes: number,
    readonly maxPayloadBytes: number,
  ) {
    super(
      `The body has ${bytes} bytes, but maxPayloadBytes is ${maxPayloadBytes}. Send it in parts or by reference, ` +
        'or raise maxPayloadBytes on both sides.',
    );
  }
}

/** The header of a message would be longer than the 64 KiB that consumers read. Nothing was sent. */
export class HeaderTooLargeError extends RedisQueueError {
  override readonly name = 'HeaderTooLargeError';
  readonly code = 'HEADER_TOO_LARGE';

  constructor(
    /** Size of the header: id, pattern, headers and metadata, as JSON. */
    readonly bytes: number,
    readonly maxBytes: number,
  ) {
    super(
      `The header (id, pattern, headers, metadata) has ${bytes} bytes, but at most ${maxBytes} can be sent. ` +
        'Put large values into the data.',
    );
  }
}

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

/** Redis is configured in a way that loses messages, and the option `onEviction` says to refuse that. */
export class UnsafeRedisError extends RedisQueueError {
  override readonly name = 'UnsafeRedisError';
  readonly code = 'UNSAFE_REDIS';
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

/** A `mandatory()` event had no group and no live listener. Nobody gets it, now or later. */
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

/** Reason of a handler's `AbortSignal`: another consumer has this delivery, or will get it. The result no longer counts. */
export class LeaseLostError extends RedisQueueError {
  override readonly name = 'LeaseLostError';
  readonly code = 'LEASE_LOST';
}

/** The handler did not end within its `timeoutMs`. Reason of its `AbortSignal` and of the failed attempt. */
export class HandlerTimeoutError extends RedisQueueError {
  override readonly name = 'HandlerTimeoutError';
  readonly code = 'HANDLER_TIMEOUT';

  constructor(
    readonly pattern: string,
    readonly timeoutMs: number,
  ) {
    super(`The handler of "${pattern}" did not end within its timeoutMs of ${timeoutMs} ms.`);
  }
}

/** Reason of a handler's `AbortSignal`: the caller wants no further reply. The Observable was unsubscribed. */
export class CallerGoneError extends RedisQueueError {
  override readonly name = 'CallerGoneError';
  readonly code = 'CALLER_GONE';

  constructor(readonly pattern: string) {
    super(
      `The caller of "${pattern}" wants no further reply: it unsubscribed, gave up, or its process is gone.`,
    );
  }
}

/** Reason of a handler's `AbortSignal`: the time to shut down is over. The delivery went back to its queue. */
export class ShutdownError extends RedisQueueError {
  override readonly name = 'ShutdownError';
  readonly code = 'SHUTDOWN';
}

/** Text of anything that was thrown. Never throws. */
export function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return 'The thrown value cannot be read.';
  }
}
