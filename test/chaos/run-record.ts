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

/** Everything that is known of a run that has come to rest. */
export interface RunRecord {
  readonly entries: readonly JournalEntry[];
  readonly dump: QueueDump;
  readonly strikes: readonly Strike[];
  readonly lives: readonly Life[];
  /** How many elements of garbage were pushed. */
  readonly garbage: number;
  /** Ids of calls that never ended. */
  readonly hung: readonly string[];
}
