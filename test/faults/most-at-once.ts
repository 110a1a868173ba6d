import type { JournalEntry } from '../support/journal.js';

/** By process id, since when the places of a process that is gone count as free. */
export type FreePlaces = ReadonlyMap<number, number>;

/** How many handlers ran at once, at most. Those of a process that is gone run until its places count as free. */
export function mostAtOnce(entries: readonly JournalEntry[], free: FreePlaces): number {
  const untilMs = new Map<string, number>();
  let most = 0;
  for (const { event, id, pid, atMs } of [...entries].sort((one, other) => one.atMs - other.atMs)) {
    const run = `${pid} ${id}`;
    const freeMs = free.get(pid) ?? Infinity;
    if (event === 'start') untilMs.set(run, freeMs);
    else if (event === 'end' || event === 'threw' || event === 'aborted') untilMs.delete(run);
    for (const [each, ms] of untilMs) if (ms <= atMs) untilMs.delete(each);
    most = Math.max(most, untilMs.size);
  }
  return most;
}
