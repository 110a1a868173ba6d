import type { JournalEntry } from '../support/journal.js';

/** The place of a message among those of its key. */
function placeOf(id: string): number {
  return Number(id.split('-')[1]);
}

function keyOf(id: string): string {
  return id.split('-')[0] ?? '';
}

/**
 * Where the order of a key was broken: a message, which is named by its key and its place, started after a later one, or
 * while one before it ran. What a killed process ran is over.
 *
 * @param workMs how long a handler works, also one that fails
 */
export function disorder(
  entries: readonly JournalEntry[],
  workMs: number,
  killed: ReadonlySet<number> = new Set(),
): string[] {
  const found: string[] = [];
  const latest = new Map<string, number>();
  const running = new Map<string, JournalEntry>();
  for (const entry of [...entries].sort((one, other) => one.atMs - other.atMs)) {
    const { event, id } = entry;
    const key = keyOf(id);
    if (event === 'end') running.delete(key);
    if (event !== 'start') continue;
    const before = running.get(key);
    // A handler that fails notes no end: its message starts again, or the next does once that is settled.
    const runs = before !== undefined && before.id !== id && !killed.has(before.pid);
    if (runs && entry.atMs - before.atMs < workMs - 1)
      found.push(`${id} started beside ${before.id}`);
    if (placeOf(id) < (latest.get(key) ?? 0)) found.push(`${id} started after a later one`);
    latest.set(key, Math.max(latest.get(key) ?? 0, placeOf(id)));
    running.set(key, entry);
  }
  return found;
}
