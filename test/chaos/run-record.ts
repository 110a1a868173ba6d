import type { JournalEntry } from '../support/journal.js';
import type { QueueDump } from '../support/queue-dump.js';
import type { Life } from './replica.js';

/** A fault as it struck. */
export interface Strike {
  readonly fault: string;
  /** Whom. */
  readonly target: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Redis's clock was set. */
export interface ClockStep {
  readonly atMs: number;
  readonly byMs: number;
}

/** Everything that is known of a run that has come to rest. */
export interface RunRecord {
  readonly entries: readonly JournalEntry[];
  /** Of `WORK`. */
  readonly dump: QueueDump;
  /** Of `BULK`. */
  readonly bulk: QueueDump;
  /** Of `PARTNER`. */
  readonly partner: QueueDump;
  /** By group: of its copies. */
  readonly groups: ReadonlyMap<string, QueueDump>;
  /** Ids of the events that are kept, the oldest first. */
  readonly history: readonly string[];
  readonly strikes: readonly Strike[];
  readonly lives: readonly Life[];
  readonly clockSteps: readonly ClockStep[];
  /** How many elements of garbage were pushed. */
  readonly garbage: number;
  /** Ids of calls that never ended. */
  readonly hung: readonly string[];
  /** Consumers that lived to the end and were not told of the last event. */
  readonly deaf: readonly string[];
  /** Places of handlers that were not free at the end, in words. */
  readonly taken: readonly string[];
  /** Keys of others that are not as they were. */
  readonly touched: readonly string[];
  /** Queues that still had bodies beside them when every message was gone. */
  readonly littered: readonly string[];
}
