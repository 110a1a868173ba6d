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
  /** Read by wrong-clock.ts, which is then loaded ahead of the program. */
  readonly clockAheadMs?: readonly number[] | undefined;
}

export const PREFIX = 'chaos';
export const LEASE_MS = 2_000;
export const REQUEST_TIMEOUT_MS = 3_000;
export const MAX_CRASHES = 3;

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

export function queueOfGroup(group: string): string {
  return `@${group}/${PLACED}`;
}

/** Every queue whose messages are in the books. */
export const QUEUES: readonly string[] = [WORK, ...GROUPS.map(queueOfGroup)];

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

export type Behaviour = 'finish' | 'takeTime' | 'failOnce' | 'failAlways' | 'retryLater' | 'reject';

export function readSettings(): ChaosSettings {
  const [, , argument] = process.argv;
  if (argument === undefined) throw new Error('This program is started by the chaos run.');
  return JSON.parse(argument) as ChaosSettings; // written by the run
}
