import type { RedisOptions } from 'ioredis';
import { isDemotion } from './failure.js';

const LONGEST_RECONNECT_PAUSE_MS = 1_000;

/** Settings that only some connections need. */
export type ConnectionPurpose = Pick<RedisOptions, 'protocol'>;

/** Settings that make outcomes knowable. The user's settings do not override them. */
export function safeSettings(name: string, further: ConnectionPurpose = {}): RedisOptions {
  return {
    ...further,
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
    reconnectOnError: isDemotion,
    // How long ioredis waits before it looks again whether Redis has loaded its data.
    maxLoadingRetryTime: 1_000,
    // FailoverWatch does it for all connections at once. ioredis's own can end a connection for good.
    failoverDetector: false,
    retryStrategy: (times) =>
      Math.min(25 * 2 ** Math.min(times, 10), LONGEST_RECONNECT_PAUSE_MS) *
      (0.75 + Math.random() / 4),
  };
}
