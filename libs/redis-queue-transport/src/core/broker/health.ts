/** Whether Redis answers, as far as a server or a client knows without asking. */
export interface RedisQueueHealth {
  readonly status: 'up' | 'down';
  /** Time in ms since Redis answered last, on any of the connections; `undefined` when it has not answered yet. */
  readonly sinceRoundTripMs: number | undefined;
  /** Why it is down, for people; `undefined` while it is up. */
  readonly reason: string | undefined;
  /** Of a server: queues of which nearly every attempt fails, so that only a few are made. Absent where there is none. */
  readonly slowedQueues?: readonly SlowedQueue[];
}

/** A queue that a server slows down until attempts succeed again. Its messages wait. */
export interface SlowedQueue {
  readonly queue: string;
  /** For how long, in ms. */
  readonly sinceMs: number;
  /** Of the last attempt that failed, for people. */
  readonly lastError: string;
}

/** What one connection knows of itself. */
export interface ConnectionHealth {
  /** Why it cannot be relied on now; undefined while it can, and before it was tried for the first time. */
  readonly failure: string | undefined;
  /** Undefined before the first answer. */
  readonly sinceRoundTripMs: number | undefined;
}

/** Down as long as one of the connections is, since each is needed for something; and before the very first answer. */
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
