import { EventIndex } from '../../core/events/event-index.js';
import { KnownIds } from '../collections/known-ids.js';
import { rememberMap, together } from '../collections/remember.js';
import type { Restore } from '../collections/remember.js';
import { StoredHistory } from './stored-history.js';

type Listener = (element: Buffer) => void;

/** What a store holds of events under one prefix: who wants which, what is kept, and who listens now. */
export class StoredEvents {
  /** Each names a subscription, a pattern that is listened to, or a history (core/events/event-index.ts). */
  readonly #fields = new Map<string, string>();
  /** Made of them. */
  #index = new EventIndex();
  /** How far the queue of a new group was filled from a history: where the next part begins. */
  readonly cursors = new Map<string, string>();
  /** By pattern. */
  readonly #histories = new Map<string, StoredHistory>();
  readonly #emitted = new Map<string, KnownIds>();
  readonly #listeners = new Map<string, Set<Listener>>();

  get index(): EventIndex {
    return this.#index;
  }

  field(name: string): string | undefined {
    return this.#fields.get(name);
  }

  setField(name: string, value: string): void {
    this.#fields.set(name, value);
    this.#index.set(name, value);
  }

  /** Returns whether it was there. */
  deleteField(name: string): boolean {
    this.#index.set(name, undefined);
    return this.#fields.delete(name);
  }

  /** The history of a pattern, which is empty until something is kept. */
  history(pattern: string): StoredHistory {
    const known = this.#histories.get(pattern);
    if (known !== undefined) return known;
    const history = new StoredHistory();
    this.#histories.set(pattern, history);
    return history;
  }

  /** Ids of events of this pattern that must not be emitted again. */
  emitted(pattern: string): KnownIds {
    const known = this.#emitted.get(pattern);
    if (known !== undefined) return known;
    const ids = new KnownIds();
    this.#emitted.set(pattern, ids);
    return ids;
  }

  /** Hears what is told to this pattern, which may have wildcards. */
  listen(pattern: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(pattern) ?? new Set();
    this.#listeners.set(pattern, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(pattern) === listeners)
        this.#listeners.delete(pattern);
    };
  }

  /** Returns how many listen. */
  tell(pattern: string, element: Buffer): number {
    const listeners = this.#listeners.get(pattern) ?? [];
    let told = 0;
    for (const listener of listeners) {
      listener(Buffer.from(element));
      told += 1;
    }
    return told;
  }

  remember(): Restore {
    const maps = [rememberMap(this.#fields), rememberMap(this.cursors), rememberMap(this.#emitted)];
    const parts = [...this.#histories.values(), ...this.#emitted.values()];
    const restore = together([...maps, ...parts.map((part) => part.remember())]);
    return () => {
      this.clear();
      restore();
      for (const [name, value] of this.#fields) this.#index.set(name, value);
    };
  }

  /** Those who listen stay. */
  clear(): void {
    this.#fields.clear();
    this.#index = new EventIndex();
    this.cursors.clear();
    this.#emitted.clear();
    for (const history of this.#histories.values()) history.clear();
  }
}
