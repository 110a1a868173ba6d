import { idOf } from '../support/element.js';
import type { JournalEntry } from '../support/journal.js';
import type { RunRecord } from './run-record.js';
import { LIMITED, RUNNING } from './settings.js';

export interface LimitVerdict {
  /** The most that ran at once. */
  readonly most: number;
  /** The messages that were started beside as many others as may run. */
  readonly exceeding: readonly string[];
}

interface Edge {
  readonly atMs: number;
  readonly change: 1 | -1;
  readonly id: string;
}

/**
 * How many of the limited queue ran at once in all processes. Of each message the last delivery counts, from its start to its
 * end: nobody has taken it back, so its process had the lease all the time.
 */
export function limitOf({ entries, keyed }: RunRecord): LimitVerdict {
  const dead = new Set(keyed.get('limited')?.dead.map(idOf) ?? []);
  const last = new Map<string, JournalEntry>();
  const edges: Edge[] = [];
  const of = entries.filter(({ queue, id }) => queue === LIMITED && !dead.has(id));
  for (const entry of of) {
    const known = last.get(entry.id);
    if (entry.event === 'start' && (known === undefined || known.attempt <= entry.attempt))
      last.set(entry.id, entry);
  }
  for (const { event, id, attempt, pid, atMs } of of) {
    const start = last.get(id);
    if (event !== 'end' || start?.attempt !== attempt || start.pid !== pid) continue;
    edges.push({ atMs: start.atMs, change: 1, id }, { atMs, change: -1, id });
  }
  // At the same time, ends come first.
  edges.sort((one, other) => one.atMs - other.atMs || one.change - other.change);
  let [running, most] = [0, 0];
  const exceeding: string[] = [];
  for (const { change, id } of edges) {
    running += change;
    most = Math.max(most, running);
    if (change === 1 && running > RUNNING) exceeding.push(id);
  }
  return { most, exceeding };
}
