import type { ClockReading, Inspection, Role } from '../../core/admin/inspection.js';
import type { RedisQueueAdmin } from '../../index.js';
import type { Finding } from './finding.js';

/** What checks look at. */
export interface Patient {
  readonly inspection: Inspection;
  /** It is one node of a cluster, or the cluster. */
  readonly isCluster: boolean;
  readonly admin: RedisQueueAdmin;
  readonly prefix: string;
  /** What Redis says about itself. */
  readonly info: Readonly<Record<string, string>>;
  readonly clock: ClockReading;
  /** The role that its user should have; undefined if nobody said. */
  readonly role: Role | undefined;
  /** Older dead letters are reported. */
  readonly oldAfterMs: number;
  readonly queues: readonly QueueState[];
}

/** One queue, as far as it could be looked at. */
export interface QueueState {
  readonly name: string;
  /** Pattern and group, if it is the queue of a group. */
  readonly group: { readonly group: string; readonly pattern: string } | undefined;
  readonly lengths: Awaited<ReturnType<RedisQueueAdmin['lengths']>>;
  readonly consumers: Awaited<ReturnType<RedisQueueAdmin['consumers']>>;
}

export interface Check {
  /** What the check looks at, for people. */
  readonly name: string;
  run(patient: Patient): readonly Finding[] | Promise<readonly Finding[]>;
}

export function numberIn(info: Readonly<Record<string, string>>, name: string): number {
  return Number(info[name] ?? 0);
}
