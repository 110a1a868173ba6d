import type { RedisOptions } from 'ioredis';

const LONGEST_RECONNECT_PAUSE_MS = 1_000;

/** Settings that make outcomes knowable. The user's settings do not override them. */
export function safeSettings(name: string): RedisOptions {
  return {
    lazyConnect: true,
    connectionName: name,
    // A command in flight on a lost connection is rejected, never sent again: its outcome is unknown.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Nobody awaits its promise, so a failure would end the process. EventChannel subscribes again instead.
    autoResubscribe: false,
    // A command that cannot be written now is rejected now, so that "not sent" and "unknown" stay distinct.
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    // Deadlines belong to the connection: a command abandoned on a live connection would have no known outcome.
    // SilenceWatch watches the socket, since ioredis's timeout would end commands that take longer to be written.
    commandTimeout: undefined,
    blockingTimeout: undefined,
    socketTimeout: undefined,
    // How long an ended socket may take to close. The timer runs even if there is no socket any more.
    disconnectTimeout: 100,
    // Replies always have the same form.
    stringNumbers: false,
    replyMapping: 'legacy',
    // After a failover this is a replica: reconnect, without sending the command again.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy: (times) =>
      Math.min(25 * 2 ** Math.min(times, 10), LONGEST_RECONNECT_PAUSE_MS) *
      (0.75 + Math.random() / 4),
  };
}
