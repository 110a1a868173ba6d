/** What every process of a run needs to know; travels as JSON in the first argument. */
export interface ChaosSettings {
  readonly redisUrl: string;
  readonly prefix: string;
  /** The process's own journal. */
  readonly journal: string;
  readonly seed: number;
  /** Names the process in its message ids. */
  readonly name: string;
  readonly leaseMs: number;
  /** Groups of `PLACED` that it serves. */
  readonly groups: readonly string[];
  /** Of the {@link Switches}. */
  readonly switches: string;
  /** Read by wrong-clock.ts, which is then loaded ahead of the program. */
  readonly clockAheadMs?: readonly number[] | undefined;
}

export const PREFIX = 'chaos';
export const LEASE_MS = 2_000;
export const REQUEST_TIMEOUT_MS = 3_000;
export const MAX_CRASHES = 3;

/** Longer than any of them is meant to take. */
export const HANDLER_TIMEOUT_MS = 5_000;
/**
 * The last attempt is begun 7.5 s after the first at the soonest, longer than the handlers' database is away: only what
 * fails always may use them up.
 */
export const RETRY = { retry: { attempts: 12, delayMs: 100, maxDelayMs: 2_000 } } as const;

export const WORK = 'chaos.work';
export const ASK = 'chaos.ask';
export const NEWS = 'chaos.news';
/** Events with a copy for each group, and a history. */
export const PLACED = 'chaos.placed';

/** Declared before the first event. */
export const EARLY_GROUPS: readonly string[] = ['billing', 'mail'];
/** Begins when there are events already, and gets these from the history. */
export const LATE_GROUP = 'audit';
export const GROUPS: readonly string[] = [...EARLY_GROUPS, LATE_GROUP];

/** Fed from a list that outsiders fill. */
export const PARTNER = 'chaos.partner';
export const PARTNER_LIST = 'partner:orders';

export function queueOfGroup(group: string): string {
  return `@${group}/${PLACED}`;
}

/** Its handler gets batches. */
export const BULK = 'chaos.bulk';
/** The group whose handler gets its copies in batches. */
export const BULK_GROUP = 'mail';
export const BATCH = { size: 5, waitMs: 20 } as const;
/** How many batches run at once for each handler of batches, in one process. */
export const BATCHES_AT_ONCE = 2;

/** Every queue whose messages are in the books. */
export const QUEUES: readonly string[] = [WORK, BULK, PARTNER, ...GROUPS.map(queueOfGroup)];

/** Of each handler, in one process. */
export const CONCURRENCY = { [WORK]: 20, [PARTNER]: 10, [ASK]: 10, [PLACED]: 10 } as const;

/** Keeps them all. */
export const HISTORY = { maxLength: 10_000_000 } as const;

/** Bodies above it, as they are sent, are parked beside their queue. */
export const PARK_ABOVE_BYTES = 1_000;
export const COMPRESS_ABOVE_BYTES = 600;

/** Why a request failed that was answered with the answer of another. */
export const WRONG_ANSWER = 'wrong answer';

/** What one message asks of its handler. */
export interface Work {
  readonly id: string;
  readonly behaviour: Behaviour;
  /** Makes it large. */
  readonly filler?: string | undefined;
  /** Of the filler. */
  readonly digest?: string | undefined;
}

export type Behaviour =
  | 'finish'
  | 'takeTime'
  | 'failOnce'
  | 'failAlways'
  | 'retryLater'
  | 'reject'
  /** Takes as long as a slow service does, and no longer than it may. */
  | 'dawdle'
  /** Never ends, the first times. */
  | 'hang'
  /** Ends when the run says so. */
  | 'hold';

/** What has to become of a message: what its behaviour says, or what its forged header says. */
export type Fate =
  | Behaviour
  /** Dead at once, since its header cannot be read or asks for what nobody may ask. */
  | 'unreadable'
  /** Likewise, and it says that its body is somewhere else. */
  | 'bodiless'
  /** Dead at once, since it says that it has crashed so often. */
  | 'crashed';

export function readSettings(): ChaosSettings {
  const [, , argument] = process.argv;
  if (argument === undefined) throw new Error('This program is started by the chaos run.');
  return JSON.parse(argument) as ChaosSettings; // written by the run
}
