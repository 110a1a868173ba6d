import {
  OutcomeUnknownError,
  RedisRefusedError,
  RedisQueueError,
  RedisUnavailableError,
  messageOf,
} from '../../core/errors/errors.js';

/** In the words of Redis 7.0 and of later ones. */
const REFUSED_MIDWAY =
  /^(?:ERR )?(?:The user executing the script can't|ACL failure in script)|^NOPERM .* script: [0-9a-f]{40}/;

/** A value is longer than Redis is set to take; what follows it on the connection is never read. */
const TOO_LONG = 'Protocol error: invalid bulk length';

const CLUSTER =
  'This Redis is a node of a cluster, which is not supported yet: connect to a single Redis, or to Sentinels.';

const HINTS: Readonly<Record<string, string>> = {
  OOM: 'Redis is full (maxmemory): consumers go on draining; raise maxmemory or wait.',
  NOPERM:
    'The Redis user lacks a permission; docs/permissions.md lists the keys and commands that are needed.',
  NOAUTH: 'Give a password in the option connection.',
  WRONGPASS: 'Check username and password in the option connection.',
  READONLY: 'This Redis is a replica; connect to the primary.',
  WRONGTYPE:
    'Another program uses this key for something else; choose another prefix, pattern or list.',
  LOADING: 'Redis is reading its data after a start.',
  CLUSTERDOWN: CLUSTER,
  MOVED: CLUSTER,
  CROSSSLOT: CLUSTER,
  ERR_TOO_LONG:
    'A value was longer than the setting proto-max-bulk-len of Redis allows: send less, or raise it. Redis closed the connection.',
  MISCONF: 'Redis refuses writes because it could not save its data; see its log.',
};

/** What follows where nobody has to decide anything, by what was asked. */
const AFTERMATHS: ReadonlyMap<string, string> = new Map([
  [
    'wait for a message',
    'It waits again once Redis is back; a message that was on its way comes back then.',
  ],
  ['settle and take messages', 'It is asked again; each message is settled once.'],
  ['renew a lease', 'It is asked again within a second.'],
  [
    'read replies',
    'It reads on once Redis is back; requests whose replies were on their way time out.',
  ],
  ['check the event connection', 'It listens again once Redis is back.'],
  ['subscribe to events', 'It is asked again once Redis is back.'],
]);

/** Turns what ioredis rejects with into the library's errors; what was asked and the message's id are named in it. */
export function failureOf(
  error: unknown,
  action: string,
  messageId?: string,
  /** What else may be the reason, where the connection was lost. */
  suspicion = '',
): RedisQueueError {
  if (error instanceof RedisQueueError) return error;
  if (wasRefusedMidway(error)) {
    return new OutcomeUnknownError(
      `Redis refused a part of what it was asked, to ${action}: what came before that was done, or nothing was` +
        `${messageId === undefined ? '' : ` (message ${messageId})`}. ${messageOf(error)} (${HINTS['NOPERM']})`,
      messageId,
      { cause: error, isPartial: true },
    );
  }
  if (isReplyError(error)) {
    const [reply = 'ERR'] = error.message.split(' ', 1);
    const hint = HINTS[error.message.includes(TOO_LONG) ? 'ERR_TOO_LONG' : reply];
    return new RedisRefusedError(
      reply,
      `Redis refused to ${action}: ${error.message}${hint ? ` (${hint})` : ''}`,
      {
        cause: error,
      },
    );
  }
  if (wasNeverWritten(error)) {
    return new RedisUnavailableError(
      `There is no connection to Redis to ${action}; nothing was sent.`,
      { cause: error },
    );
  }
  const aftermath = AFTERMATHS.get(action);
  if (aftermath !== undefined)
    return new OutcomeUnknownError(
      `The connection to Redis was lost while it was asked to ${action}. ${aftermath}${detailOf(error)}`,
      undefined,
      { cause: error },
    );
  return new OutcomeUnknownError(
    `The connection to Redis was lost while it was asked to ${action}: it may or may not have happened` +
      `${messageId === undefined ? '' : ` (message ${messageId})`}.${detailOf(error)}${suspicion}`,
    messageId,
    { cause: error },
  );
}

/** ioredis's word for any lost connection is about a setting that users cannot reach. */
function detailOf(error: unknown): string {
  const isUsual = error instanceof Error && error.name === 'MaxRetriesPerRequestError';
  return isUsual ? '' : ` ${messageOf(error)}`;
}

/** What shared a command shares its failure, but each caller's error names its own message. */
export function failureOfOne(
  error: unknown,
  action: string,
  messageId: string,
  suspicion?: string,
): RedisQueueError {
  const shared = error instanceof OutcomeUnknownError ? error.cause : error;
  return failureOf(shared, action, messageId, suspicion);
}

/** An error that Redis told within an answer, of what had no effect, in the form in which ioredis rejects with one. */
export function replyError(text: string): Error {
  const told = REFUSED_MIDWAY.test(text) ? text.replace(/^(?:ERR )?/, 'NOPERM ') : text;
  return Object.assign(new Error(told), { name: 'ReplyError' });
}

/** Redis answered, with an error. (The class that ioredis exports for it is untyped.) */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Redis did not take a value, and closed the connection: nothing that was written after it has been read. */
export function isTooLong(error: unknown): boolean {
  return isReplyError(error) && error.message.includes(TOO_LONG);
}

/** A script's user lacks a permission, and that was noticed while it ran: what it did before stands. */
export function wasRefusedMidway(error: unknown): boolean {
  return isReplyError(error) && REFUSED_MIDWAY.test(error.message);
}

/** ioredis has no type for it: with its offline queue off, this is how it says that a command was not written. */
export function wasNeverWritten(error: unknown): boolean {
  return messageOf(error).startsWith("Stream isn't writeable");
}
