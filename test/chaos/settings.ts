/** What every process of a run needs to know; travels as JSON in the first argument. */
export interface ChaosSettings {
  readonly redisUrl: string;
  readonly prefix: string;
  /** The process's own ledger file. */
  readonly ledger: string;
  readonly seed: number;
  /** Names the process in its message ids. */
  readonly name: string;
  readonly leaseMs: number;
}

export const PREFIX = 'chaos';
export const LEASE_MS = 2_000;
export const REQUEST_TIMEOUT_MS = 3_000;
export const MAX_CRASHES = 3;

export const WORK = 'chaos.work';
export const ASK = 'chaos.ask';
export const NEWS = 'chaos.news';

/** What one message asks of the handler of `WORK`. */
export interface Work {
  readonly id: string;
  readonly behaviour: 'finish' | 'takeTime' | 'failOnce' | 'failAlways' | 'retryLater' | 'reject';
}

export function readSettings(): ChaosSettings {
  const [, , argument] = process.argv;
  if (argument === undefined) throw new Error('This program is started by the chaos run.');
  return JSON.parse(argument) as ChaosSettings; // written by the run
}
