import type { JournalEntry } from '../support/journal.js';
import { Violations } from '../support/violations.js';
import type { Violation } from '../support/violations.js';
import { BATCH } from './settings.js';

export interface BatchesVerdict {
  /** For the report, by the names that it shows. */
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
}

/** Judges the batches that ran. What became of their messages is judged with the book of their queue. */
export function judgeBatches(entries: readonly JournalEntry[]): BatchesVerdict {
  const batches = [...batchesIn(entries).values()];
  const violations = new Violations();
  const tooLarge = batches.filter(({ length }) => length > BATCH.size);
  violations.sayOf('in a batch that was too large', tooLarge.flat());
  return {
    counts: {
      'batches: run': batches.length,
      'batches: of several messages': batches.filter(({ length }) => length > 1).length,
      'batches: messages in them': batches.flat().length,
    },
    violations: violations.all,
  };
}

/** The ids of the messages of each batch. */
function batchesIn(entries: readonly JournalEntry[]): ReadonlyMap<string, readonly string[]> {
  const batches = new Map<string, string[]>();
  for (const { event, batch, pid, id } of entries) {
    if (event !== 'start' || batch === undefined) continue;
    const key = `${pid} ${batch}`;
    const ids = batches.get(key);
    if (ids === undefined) batches.set(key, [id]);
    else ids.push(id);
  }
  return batches;
}
