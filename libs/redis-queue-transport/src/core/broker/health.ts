/** Whether Redis answers, as far as a server or a client knows without asking. */
export interface RedisQueueHealth {
  readonly status: 'up' | 'down';
  /** Time in ms since Redis last answered on any connection; `undefined` if it has not answered yet. */
  readonly sinceRoundTripMs: number | undefined;
  /** Why it is down, for people; `undefined` while it is up. */
  readonly reason: string | undefined;
  /**
   * For how long it has been down, in ms, since that was noticed; `undefined` while it is up, and before it was ever
   * up.
   */
  readonly downForMs: number | undefined;
  /** For a server: whether it takes no messages, since `pause()` was called. Absent if it was not. */
  readonly isPaused?: boolean;
  /** For a server: queues in which nearly every attempt fails, so that few are made. Absent if there are none. */
  readonly slowedQueues?: readonly SlowedQueue[];
  /** For a server: queues for whose consumer Redis refuses calls now. Absent if there are none. */
  readonly refusedQueues?: readonly RefusedQueue[];
  /** For a server: queues whose consumer lost its lease and has not got another one yet. Absent if there are none. */
  readonly lostLeases?: readonly LostLease[];
}

/** A queue that a server slows down until attempts succeed again. Its messages wait. */
export interface SlowedQueue {
  readonly queue: string;
  /** For how long, in ms. */
  readonly sinceMs: number;
  /** The error of the last failed attempt, for people. */
  readonly lastError: string;
}

/** A queue for whose consumer Redis refuses calls, even if it accepts others. */
export interface RefusedQueue {
  readonly queue: string;
  /** For how long, in ms. A longer time without a refusal starts this anew. */
  readonly sinceMs: number;
  /** The first word of Redis's last refusal: `NOPERM`, `WRONGTYPE`, `READONLY`, `OOM` … */
  readonly reply: string;
  /** The last refusal, for people. */
  readonly lastError: string;
}

/** A queue whose consumer handles nothing until it has a lease again. */
export interface LostLease {
  readonly queue: string;
  /** For how long, in ms. */
  readonly sinceMs: number;
}

/** What one connection knows of itself. */
export interface ConnectionHealth {
  /** Why it is unusable now; undefined while it is usable, and before the first attempt to connect. */
  readonly failure: string | undefined;
  /** For how long, in ms; undefined while it is usable. */
  readonly failingForMs: number | undefined;
  /** Undefined before the first answer. */
  readonly sinceRoundTripMs: number | undefined;
}

/** Down while any connection is down, since each is needed for something, and before the first answer. */
export function healthOf(connections: readonly ConnectionHealth[]): RedisQueueHealth {
  const times = connections.flatMap(({ sinceRoundTripMs = [] }) => sinceRoundTripMs);
  const failing = connections.flatMap(({ failingForMs = [] }) => failingForMs);
  const isNew = connections.length > 0 && times.length === 0;
  const failure = connections.find((connection) => connection.failure !== undefined)?.failure;
  const reason = failure ?? (isNew ? 'Redis has not answered yet.' : undefined);
  return {
    status: reason === undefined ? 'up' : 'down',
    sinceRoundTripMs: times.length === 0 ? undefined : Math.min(...times),
    reason,
    downForMs: failing.length === 0 ? undefined : Math.max(...failing),
  };
}
