import type { JournalEntry } from '../support/journal.js';
import type { Book } from './books.js';

/** Why a message was handed out again. */
export type Cause =
  /** Its handler failed, and it was to be tried again. */
  | 'retried'
  /** The process that had it ended. */
  | 'processEnded'
  /** The process that had it lost its lease. */
  | 'leaseLost'
  /** The process that had it stopped, and gave it back with its attempt unchanged. */
  | 'released'
  /** The journals know of no cause. */
  | 'none';

/** A message that was handed out, and then handed out again. */
export interface HandedOutAgain {
  readonly first: JournalEntry;
  readonly again: JournalEntry;
  /** The handler had ended, so this was a duplicate. */
  readonly isDuplicate: boolean;
  readonly cause: Cause;
}

/**
 * How late a process that stood still, or that got no answer from Redis, may learn that its lease was lost. Longer than
 * any fault, and than any connection may stay silent.
 */
const LEARNS_WITHIN_MS = 15_000;

/** Every message that was handed out more than once, each time with its cause. */
export function handedOutAgain(book: Book): HandedOutAgain[] {
  const causes = new Causes(book);
  const again: HandedOutAgain[] = [];
  for (const handOuts of handOutsById(book.entries).values()) {
    handOuts.sort((a, b) => a.attempt - b.attempt || a.atMs - b.atMs);
    for (const [index, later] of handOuts.entries()) {
      const first = handOuts[index - 1];
      if (first === undefined) continue;
      const isDuplicate = causes.hasEnded(first);
      again.push({ first, again: later, isDuplicate, cause: causes.of(first, later) });
    }
  }
  return again;
}

/** A message counts as handed out when it is started, or found to be expired. */
function handOutsById(entries: readonly JournalEntry[]): Map<string, JournalEntry[]> {
  const byId = new Map<string, JournalEntry[]>();
  for (const entry of entries) {
    if (entry.event !== 'start' && entry.event !== 'expired') continue;
    const others = byId.get(entry.id);
    if (others === undefined) byId.set(entry.id, [entry]);
    else others.push(entry);
  }
  return byId;
}

class Causes {
  readonly #ended = new Set<string>();
  readonly #retried = new Set<string>();
  /** The times of losses, by process. */
  readonly #losses = new Map<number, number[]>();
  readonly #stops = new Map<number, number>();
  readonly #ends = new Map<number, number>();

  constructor({ entries, lives }: Book) {
    for (const entry of entries) {
      if (entry.event === 'end') this.#ended.add(deliveryOf(entry));
      else if (entry.event === 'retried') this.#retried.add(deliveryOf(entry));
      else if (entry.event === 'stop') this.#stops.set(entry.pid, entry.atMs);
      else if (entry.event === 'leaseLost')
        this.#losses.set(entry.pid, [...(this.#losses.get(entry.pid) ?? []), entry.atMs]);
    }
    for (const { pid, untilMs } of lives) if (untilMs !== undefined) this.#ends.set(pid, untilMs);
  }

  hasEnded(handOut: JournalEntry): boolean {
    return this.#ended.has(deliveryOf(handOut));
  }

  of(first: JournalEntry, again: JournalEntry): Cause {
    if (first.attempt === again.attempt)
      return isBetween(first, this.#stops.get(first.pid), again.atMs) ? 'released' : 'none';
    if (this.#retried.has(deliveryOf(first))) return 'retried';
    if (isBetween(first, this.#ends.get(first.pid), again.atMs)) return 'processEnded';
    const losses = this.#losses.get(first.pid) ?? [];
    const latest = again.atMs + LEARNS_WITHIN_MS;
    if (losses.some((lostMs) => isBetween(first, lostMs, latest))) return 'leaseLost';
    // If it had not ended before, it would have learned that its lease was lost.
    return isBetween(first, this.#ends.get(first.pid), latest) ? 'processEnded' : 'none';
  }
}

function isBetween(first: JournalEntry, atMs: number | undefined, latestMs: number): boolean {
  return atMs !== undefined && first.atMs <= atMs && atMs <= latestMs;
}

/** One message at one attempt in one process. */
function deliveryOf({ id, attempt, pid }: JournalEntry): string {
  return `${id} ${attempt} ${pid}`;
}
