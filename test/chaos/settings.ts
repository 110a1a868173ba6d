import type { Connection } from './servers/servers.js';

/** What every process of a run needs to know. It gets this as JSON in its first argument. */
export interface ChaosSettings {
  readonly connection: Connection;
  readonly prefix: string;
  /** The process's own journal. */
  readonly journal: string;
  readonly seed: number;
  /** The beginning of the ids of its messages. */
  readonly name: string;
  readonly leaseMs: number;
  /** The groups of `PLACED` that it serves. */
  readonly groups: readonly string[];
  /** The directory of the {@link Switches}. */
  readonly switches: string;
  /** For wrong-clock.ts, which is loaded before the program if this is given. */
  readonly clockAheadMs?: readonly number[] | undefined;
}

export const PREFIX = 'chaos';
export const LEASE_MS = 2_000;
export const REQUEST_TIMEOUT_MS = 3_000;
export const MAX_CRASHES = 3;

/** Longer than any handler should take. */
export const HANDLER_TIMEOUT_MS = 5_000;
/**
 * The last attempt begins at least 7.5 s after the first, and the handlers' database is never away that long. So only
 * messages that always fail use up their attempts.
 */
export const RETRY = { retry: { attempts: 12, delayMs: 100, maxDelayMs: 2_000 } } as const;

export const WORK = 'chaos.work';
export const ASK = 'chaos.ask';
export const NEWS = 'chaos.news';
/** Events with a copy for each group and a history. */
export const PLACED = 'chaos.placed';

/** Groups that are declared before the first event. */
export const EARLY_GROUPS: readonly string[] = ['billing', 'mail'];
/** A group that begins when there are events already, and gets these from the history. */
export const LATE_GROUP = 'audit';
export const GROUPS: readonly string[] = [...EARLY_GROUPS, LATE_GROUP];

/** A queue that is fed from a list that outsiders fill. */
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

/**
 * Their messages have keys, and some a priority. `LIMITED` has a limit of what runs as well, and `BOUNDED` one of what waits;
 * the handler of `COLLECTED` gets batches.
 */
export const KEYED = 'chaos.keyed';
export const LIMITED = 'chaos.limited';
export const RUNNING = 5;
export const BOUNDED = 'chaos.bounded';
export const MAX_LENGTH = 10;
export const COLLECTED = 'chaos.collected';

/** By the verb of their messages in journals. */
export const OF_KEYS = {
  keyed: KEYED,
  limited: LIMITED,
  bounded: BOUNDED,
  collected: COLLECTED,
} as const;

/** Every queue that has a book. */
export const QUEUES: readonly string[] = [
  WORK,
  BULK,
  PARTNER,
  ...Object.values(OF_KEYS),
  ...GROUPS.map(queueOfGroup),
];

/** How many handlers run at once for each queue, in one process. */
export const CONCURRENCY = {
  [WORK]: 20,
  [PARTNER]: 10,
  [ASK]: 10,
  [PLACED]: 10,
  [KEYED]: 10,
  [LIMITED]: 4,
  [BOUNDED]: 1,
} as const;

/** So long that it keeps all events. */
export const HISTORY = { maxLength: 10_000_000 } as const;

/** Bodies that are larger when they are sent are parked. */
export const PARK_ABOVE_BYTES = 1_000;
export const COMPRESS_ABOVE_BYTES = 600;

/** The reason noted for a request that got the answer to another one. */
export const WRONG_ANSWER = 'wrong answer';

/** The data of a message: what its handler has to do. */
export interface Work {
  readonly id: string;
  readonly behaviour: Behaviour;
  /** Makes the message large. */
  readonly filler?: string | undefined;
  /** The digest of the filler. */
  readonly digest?: string | undefined;
}

export type Behaviour =
  | 'finish'
  | 'takeTime'
  | 'failOnce'
  | 'failAlways'
  | 'retryLater'
  | 'reject'
  /** Takes long, but less than the time limit. */
  | 'dawdle'
  /** Does not end at the first attempts. */
  | 'hang'
  /** Ends when the run says so. */
  | 'hold';

/** How a message has to end, by its behaviour or by its forged header. */
export type Fate =
  | Behaviour
  /** Dead-lettered at once, since its header cannot be read or asks for something forbidden. */
  | 'unreadable'
  /** Likewise, and its header names a parked body that does not exist. */
  | 'bodiless'
  /** Dead-lettered at once, since its header says that it has crashed too often. */
  | 'crashed';

export function readSettings(): ChaosSettings {
  const [, , argument] = process.argv;
  if (argument === undefined) throw new Error('This program can only be started by the chaos run.');
  return JSON.parse(argument) as ChaosSettings; // written by the run
}
