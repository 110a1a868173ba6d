import type { JournalEntry } from '../support/journal.js';
import type { QueueDump } from '../support/queue-dump.js';
import type { Life } from './replica.js';
import type { OF_KEYS } from './settings.js';

export type KeyedVerb = keyof typeof OF_KEYS;

/** A fault that struck. */
export interface Strike {
  readonly fault: string;
  /** Whom it struck. */
  readonly target: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** One setting of Redis's clock. */
export interface ClockStep {
  readonly atMs: number;
  readonly byMs: number;
}

/** Everything that is known about a run that has come to rest. */
export interface RunRecord {
  readonly entries: readonly JournalEntry[];
  /** The queue `WORK`. */
  readonly dump: QueueDump;
  /** The queue `BULK`. */
  readonly bulk: QueueDump;
  /** The queue `PARTNER`. */
  readonly partner: QueueDump;
  /** The queues of messages with keys, by their verb. */
  readonly keyed: ReadonlyMap<KeyedVerb, QueueDump>;
  /** The queues of copies, by group. */
  readonly groups: ReadonlyMap<string, QueueDump>;
  /** The ids of the events in the history, oldest first. */
  readonly history: readonly string[];
  readonly strikes: readonly Strike[];
  readonly lives: readonly Life[];
  readonly clockSteps: readonly ClockStep[];
  /** How many elements of garbage were pushed. */
  readonly garbage: number;
  /** Ids of calls that never ended. */
  readonly hung: readonly string[];
  /** Consumers that lived to the end but did not hear the last event. */
  readonly deaf: readonly string[];
  /** For each handler with places that were not free at the end, a line for the report. */
  readonly taken: readonly string[];
  /** Keys of others that have changed. */
  readonly touched: readonly string[];
  /** What the lists of queues with keys did not bear out, at any time of the run. */
  readonly miscounted: readonly string[];
  /** Queues that still had parked bodies when all their messages were gone. */
  readonly littered: readonly string[];
}
