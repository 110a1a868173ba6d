import type { RedisOptions } from 'ioredis';

const LONGEST_RECONNECT_PAUSE_MS = 1_000;

/** Settings that make outcomes knowable; none of the user's own overrides them. */
export function safeSettings(name: string): RedisOptions {
  return {
    lazyConnect: true,
    connectionName: name,
    // A command that was in flight when the connection died is rejected, never sent again: its outcome is unknown.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Its promise is nobody's: a failure would end the process. EventChannel does it.
    autoResubscribe: false,
    // A command that cannot be written now is rejected now, so that "not sent" and "unknown" stay apart.
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    // Deadlines are the connection's: a command that was given up while its connection lives would have no known end.
    // That of the socket is SilenceWatch, as ioredis's would end what takes longer to be written.
    commandTimeout: undefined,
    blockingTimeout: undefined,
    socketTimeout: undefined,
    // How long a socket that was ended may take to close. The timer runs also where there is none any more.
    disconnectTimeout: 100,
    // Replies are read in one form.
    stringNumbers: false,
    replyMapping: 'legacy',
    // A failover leaves us with a replica: connect anew, without sending the command again.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy: (times) =>
      Math.min(25 * 2 ** Math.min(times, 10), LONGEST_RECONNECT_PAUSE_MS) *
      (0.75 + Math.random() / 4),
  };
}
