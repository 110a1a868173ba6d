import {
  OutcomeUnknownError,
  RedisRefusedError,
  RedisUnavailableError,
} from '../../core/errors/call-errors.js';
import { RedisQueueError } from '../../core/errors/redis-queue-error.js';
import { messageOf } from '../../core/errors/message-of.js';

/** The texts of Redis 7.0 and of later versions. */
const REFUSED_MIDWAY =
  /^(?:ERR )?(?:The user executing the script can't|ACL failure in script)|^NOPERM .* script: [0-9a-f]{40}/;

/** A value is longer than Redis accepts. Redis never reads what follows it on the connection. */
const TOO_LONG = 'Protocol error: invalid bulk length';

/**
 * How a Redis replies that was the primary and is a replica now: to writes, to a wait that it ends, while it has no
 * connection to the new primary, and while it loads the data of that.
 */
const DEMOTED = /^(?:READONLY|MASTERDOWN|LOADING|UNBLOCKED force)/;

const CLUSTER =
  'This Redis is a node of a cluster: give { nodes: [{ host, port }, …] } in the option connection.';

/** How a node of a cluster replies if the keys are elsewhere, or on their way, or if it cannot tell where. */
export const ELSEWHERE: ReadonlySet<string> = new Set(['MOVED', 'ASK', 'TRYAGAIN', 'CLUSTERDOWN']);

const HINTS: Readonly<Record<string, string>> = {
  OOM: 'Redis is full (maxmemory): wait while consumers empty the queues, or raise maxmemory.',
  NOPERM:
    'The Redis user lacks a permission; docs/permissions.md lists the keys and commands that are needed.',
  NOAUTH: 'Give a password in the option connection.',
  WRONGPASS: 'Check username and password in the option connection.',
  READONLY: 'This Redis is a replica; connect to the primary.',
  MASTERDOWN: 'This Redis is a replica without a connection to its primary.',
  NOREPLICAS:
    'Redis has fewer replicas than its setting min-replicas-to-write demands: nothing was written.',
  UNBLOCKED: 'This Redis has become a replica.',
  WRONGTYPE:
    'Another program uses this key for something else; choose another prefix, pattern or list.',
  LOADING: 'Redis is loading its data after a start.',
  CLUSTERDOWN: CLUSTER,
  MOVED: CLUSTER,
  TRYAGAIN: 'The slot of the keys is on its way to another node.',
  ERR_TOO_LONG:
    'A value was longer than the setting proto-max-bulk-len of Redis allows: send less, or raise it. Redis closed the connection.',
  MISCONF: 'Redis refuses writes because it could not save its data; see its log.',
};

/** What happens next, for calls after which nobody has to decide anything. */
const AFTERMATHS: ReadonlyMap<string, string> = new Map([
  [
    'wait for a message',
    'The wait goes on once Redis is back; a message that was on its way comes back then.',
  ],
  ['settle and take messages', 'The call is repeated; each message is settled once.'],
  ['renew a lease', 'It is tried again within a second.'],
  [
    'read replies',
    'Reading goes on once Redis is back; requests whose replies were on their way time out.',
  ],
  ['check the event connection', 'Events are heard again once Redis is back.'],
  ['subscribe to events', 'It is tried again once Redis is back.'],
]);

/** Turns an error of ioredis into one of this library, which names the action and the message's id. */
export function failureOf(
  error: unknown,
  action: string,
  messageId?: string,
  /** Another possible reason for a lost connection. */
  suspicion = '',
): RedisQueueError {
  if (error instanceof RedisQueueError) return error;
  if (wasRefusedMidway(error)) {
    return new OutcomeUnknownError(
      `Redis refused part of a call to ${action}: what came before that part was done, or nothing was` +
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
      `Redis refused to ${action}: ${error.message}${keyOf(error)}${hint ? ` (${hint})` : ''}`,
      {
        cause: error,
      },
    );
  }
  if (wasNeverWritten(error)) {
    return new RedisUnavailableError(
      `Cannot ${action}: not connected to Redis. Nothing was sent.`,
      { cause: error },
    );
  }
  const aftermath = AFTERMATHS.get(action);
  if (aftermath !== undefined)
    return new OutcomeUnknownError(
      `Lost the connection to Redis during a call to ${action}. ${aftermath}${detailOf(error)}`,
      undefined,
      { cause: error },
    );
  return new OutcomeUnknownError(
    `Lost the connection to Redis during a call to ${action}: it may or may not have happened` +
      `${messageId === undefined ? '' : ` (message ${messageId})`}.${detailOf(error)}${suspicion}`,
    messageId,
    { cause: error },
  );
}

/** The key that has another type, if it is known. */
function keyOf(error: Error): string {
  const key: unknown = Reflect.get(Object(Reflect.get(error, 'command')), 'key');
  return typeof key === 'string' ? `: "${key}"` : '';
}

/** ioredis's message for any lost connection is about a setting that users cannot change. */
function detailOf(error: unknown): string {
  const isUsual = error instanceof Error && error.name === 'MaxRetriesPerRequestError';
  return isUsual ? '' : ` ${messageOf(error)}`;
}

/** Messages that shared a command share its failure, but the error of each caller names its own message. */
export function failureOfOne(
  error: unknown,
  action: string,
  messageId: string,
  suspicion?: string,
): RedisQueueError {
  const shared = error instanceof OutcomeUnknownError ? error.cause : error;
  return failureOf(shared, action, messageId, suspicion);
}

/** Makes an error that stood inside a reply, of a call without effect, look like ioredis's own errors. */
export function replyError(text: string): Error {
  const told = REFUSED_MIDWAY.test(text) ? text.replace(/^(?:ERR )?/, 'NOPERM ') : text;
  return Object.assign(new Error(told), { name: 'ReplyError' });
}

/** Redis replied with an error. (ioredis's class for it is untyped.) */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Redis refused a value and closed the connection: it has read nothing that was written afterwards. */
export function isTooLong(error: unknown): boolean {
  return isReplyError(error) && error.message.includes(TOO_LONG);
}

/** The user lacks a permission, which was noticed while a script ran: what the script did before that stands. */
export function wasRefusedMidway(error: unknown): boolean {
  return isReplyError(error) && REFUSED_MIDWAY.test(error.message);
}

/** ioredis has no type for it: with its offline queue off, this is how it reports that a command was not written. */
export function wasNeverWritten(error: unknown): boolean {
  return messageOf(error).startsWith("Stream isn't writeable");
}

/** Redis replied as a replica does, so another one may be the primary. */
export function isDemotion(error: unknown): boolean {
  if (error instanceof RedisRefusedError) return DEMOTED.test(replyOf(error));
  return error instanceof Error && DEMOTED.test(error.message);
}

/** Nothing was executed, since the keys are, or may be, at another node of a cluster. */
export function isElsewhere(error: unknown): error is RedisRefusedError {
  return error instanceof RedisRefusedError && ELSEWHERE.has(error.reply);
}

/** What Redis replied, word for word. */
export function replyOf({ cause, message }: RedisRefusedError): string {
  return cause instanceof Error ? cause.message : message;
}
