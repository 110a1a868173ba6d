/** Whether Redis answers, as far as a server or a client knows without asking. */
export interface RedisQueueHealth {
  readonly status: 'up' | 'down';
  /** Time in ms since Redis last answered on any connection; `undefined` if it has not answered yet. */
  readonly sinceRoundTripMs: number | undefined;
  /** Why it is down, for people; `undefined` while it is up. */
  readonly reason: string | undefined;
  /** For a server: queues in which nearly every attempt fails, so that few are made. Absent if there are none. */
  readonly slowedQueues?: readonly SlowedQueue[];
}

/** A queue that a server slows down until attempts succeed again. Its messages wait. */
export interface SlowedQueue {
  readonly queue: string;
  /** For how long, in ms. */
  readonly sinceMs: number;
  /** The error of the last failed attempt, for people. */
  readonly lastError: string;
}

/** What one connection knows of itself. */
export interface ConnectionHealth {
  /** Why it is unusable now; undefined while it is usable, and before the first attempt to connect. */
  readonly failure: string | undefined;
  /** Undefined before the first answer. */
  readonly sinceRoundTripMs: number | undefined;
}

/** Down while any connection is down, since each is needed for something, and before the first answer. */
export function healthOf(connections: readonly ConnectionHealth[]): RedisQueueHealth {
  const times = connections.flatMap(({ sinceRoundTripMs = [] }) => sinceRoundTripMs);
  const isNew = connections.length > 0 && times.length === 0;
  const failure = connections.find((connection) => connection.failure !== undefined)?.failure;
  const reason = failure ?? (isNew ? 'Redis has not answered yet.' : undefined);
  return {
    status: reason === undefined ? 'up' : 'down',
    sinceRoundTripMs: times.length === 0 ? undefined : Math.min(...times),
    reason,
  };
}
