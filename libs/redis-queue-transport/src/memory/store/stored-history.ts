import type { Restore } from '../collections/remember.js';
import type { HistoryBounds } from '../../core/events/event-index.js';
import type { Told } from '../../core/subscriptions/history-page.js';
import { EntryLog } from '../collections/entry-log.js';

/** An entry of a history. Without a number, another program has put it there. */
export interface KeptEvent {
  readonly number: number | undefined;
  readonly element: Buffer;
}

/** The last events of one pattern, and who hears of new ones with their place. */
export class StoredHistory {
  readonly entries = new EntryLog<KeptEvent>();
  /** How many events it has ever had. */
  total = 0;
  readonly #listeners = new Set<(told: Told) => void>();

  /** Adds an event, drops what the bounds no longer allow, and tells listeners. Returns its entry, and how many they were. */
  keep(
    nowMs: number,
    element: Buffer,
    { maxLength = Infinity, maxAgeMs = Infinity }: HistoryBounds,
  ): { readonly id: string; readonly listeners: number } {
    const { entries } = this;
    this.total += 1;
    const number = this.total;
    const { id } = entries.add(nowMs, { number, element });
    while (entries.length > maxLength) entries.removeFirst();
    while ((entries.first?.atMs ?? Infinity) < nowMs - maxAgeMs) entries.removeFirst();
    for (const hear of this.#listeners) hear({ number, id, element: Buffer.from(element) });
    return { id, listeners: this.#listeners.size };
  }

  listen(hear: (told: Told) => void): () => void {
    this.#listeners.add(hear);
    return () => void this.#listeners.delete(hear);
  }

  remember(): Restore {
    const { total } = this;
    const restoreEntries = this.entries.remember();
    return () => {
      restoreEntries();
      this.total = total;
    };
  }

  /** Those who listen stay. */
  clear(): void {
    this.entries.clear();
    this.total = 0;
  }
}
