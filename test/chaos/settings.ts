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

/** Why a request failed that was answered with the answer of another. */
export const WRONG_ANSWER = 'wrong answer';

/** What one message asks of the handler of `WORK`. */
export interface Work {
  readonly id: string;
  readonly behaviour: Behaviour;
}

export type Behaviour = 'finish' | 'takeTime' | 'failOnce' | 'failAlways' | 'retryLater' | 'reject';

export function readSettings(): ChaosSettings {
  const [, , argument] = process.argv;
  if (argument === undefined) throw new Error('This program is started by the chaos run.');
  return JSON.parse(argument) as ChaosSettings; // written by the run
}
