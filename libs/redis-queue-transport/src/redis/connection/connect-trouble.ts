import { TLSSocket } from 'node:tls';
import type { Redis } from 'ioredis';
import { isReplyError } from './failure.js';

const SENTINELS = /^All sentinels are unreachable[^.]*\.(?: Retrying from scratch after \d+ms\.)?/;
const NO_SUCH_PRIMARY = /No such master with that name/i;
const TOO_MANY_CLIENTS = /max number of clients/i;
const TOO_MANY_FILES = /\b(?:EMFILE|ENFILE)\b/;
const NO_TLS = /wrong version number|packet length too long/i;
/** What a TLS port replies to plain text, parsed as a reply of Redis. */
const TLS_ALERT = 'Protocol error, got "\\u0015"';
const CLOSED = /\b(?:EPIPE|ECONNRESET)\b|Connection is closed/;

/**
 * Why a connection cannot be opened, and what to do about it: ioredis and Node only report what they saw. If that is
 * enough, returns the same error.
 */
export function explained(error: Error, client: Redis): Error {
  const text = explanationOf(error.message, client);
  return text === undefined ? error : new Error(text, { cause: error });
}

function explanationOf(message: string, client: Redis): string | undefined {
  if (SENTINELS.test(message)) return sentinelsOf(message.replace(SENTINELS, '').trim(), client);
  if (TOO_MANY_CLIENTS.test(message))
    return `${message} (Redis has as many connections as its maxclients allows: raise that, or use fewer.)`;
  if (TOO_MANY_FILES.test(message))
    return `${message} (This process may not open more files and sockets: raise its limit, ulimit -n.)`;
  if (NO_TLS.test(message)) return `${message} (This port does not speak TLS: use redis://.)`;
  if (message.includes(TLS_ALERT)) return 'This port speaks TLS: use rediss://, or the option tls.';
  if (client.status !== 'ready' && CLOSED.test(message))
    return `${message} (${closedHint(client)})`;
  return undefined;
}

function closedHint({ options }: Redis): string {
  const closed = 'The connection was closed before Redis replied';
  const full = 'Redis has as many connections as its maxclients allows';
  return options.tls === undefined
    ? `${closed}: perhaps this port speaks TLS and needs rediss://, or ${full}.`
    : `${closed}: perhaps it asks for a certificate of this client (tls-auth-clients), or ${full}.`;
}

/** Without ioredis's text about its pause, which differs each time. */
function sentinelsOf(detail: string, { options }: Redis): string {
  const last = detail === '' ? '' : ` ${detail}`;
  if (!NO_SUCH_PRIMARY.test(detail)) return `No Sentinel can be reached.${last}`;
  return (
    `The Sentinels know no primary named "${options.name}".${last} ` +
    '(Set name in the option connection to one that SENTINEL MASTERS lists.)'
  );
}

/** What a running attempt may be waiting for. */
export function stillWaitingFor(client: Redis): string | undefined {
  // Despite the type, there is no socket before the first attempt and between two attempts.
  const socket = client.stream as unknown;
  const isShaking = client.status === 'connecting' && socket instanceof TLSSocket;
  return isShaking && !socket.connecting && !socket.destroyed
    ? 'the TLS handshake gets no reply: if this port does not speak TLS, use redis://'
    : undefined;
}

/** Redis has no such database, or the user may not select one. */
export function isOfSelect(error: Error): boolean {
  if (!isReplyError(error)) return false;
  const command: unknown = Reflect.get(error, 'command');
  return (
    typeof command === 'object' && command !== null && Reflect.get(command, 'name') === 'select'
  );
}

/** Where it connects to, for people. */
export function addressOf({ options }: Redis): string {
  const { path, host, port, sentinels } = options;
  if (sentinels) return sentinels.map((sentinel) => `${sentinel.host}:${sentinel.port}`).join(',');
  return path ?? `${host}:${port}`;
}
