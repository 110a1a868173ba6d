import type { ClockReading, Inspection, Role } from '../../core/admin/inspection.js';
import type { RedisQueueAdmin } from '../../index.js';
import type { Finding } from './finding.js';

/** What checks look at. */
export interface Patient {
  readonly inspection: Inspection;
  readonly admin: RedisQueueAdmin;
  readonly prefix: string;
  /** What Redis tells of itself. */
  readonly info: Readonly<Record<string, string>>;
  readonly clock: ClockReading;
  /** What its user should be for; undefined if nobody said. */
  readonly role: Role | undefined;
  /** Dead letters are old from then on. */
  readonly oldAfterMs: number;
  readonly queues: readonly QueueState[];
}

/** One queue, as far as it could be looked at. */
export interface QueueState {
  readonly name: string;
  /** The pattern and the group, if it is that of a group. */
  readonly group: { readonly group: string; readonly pattern: string } | undefined;
  readonly lengths: Awaited<ReturnType<RedisQueueAdmin['lengths']>>;
  readonly consumers: Awaited<ReturnType<RedisQueueAdmin['consumers']>>;
}

export interface Check {
  /** What it looks at, for people. */
  readonly name: string;
  run(patient: Patient): readonly Finding[] | Promise<readonly Finding[]>;
}

export function numberIn(info: Readonly<Record<string, string>>, name: string): number {
  return Number(info[name] ?? 0);
}
