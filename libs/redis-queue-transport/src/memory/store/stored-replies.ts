import { KEEP_REPLIES_MS } from '../../core/requests/reply-bounds.js';
import type { SeenList } from '../../core/requests/unread-lists.js';
import { rememberMap, rememberSet, together } from '../collections/remember.js';
import type { Restore } from '../collections/remember.js';
import { StoredList } from './stored-list.js';

/** Enough of an element to tell it from most others. */
const HEAD_BYTES = 256;

/** Replies on their way to one caller, and what it has said about them. All of it vanishes when nothing more comes. */
export class StoredReplies {
  readonly list: StoredList;
  #listEndsAtMs = Infinity;
  /** How many were ever added. */
  #added = 0;
  /** Requests whose caller wants no more replies. */
  readonly #refused = new Set<number>();
  #refusedEndsAtMs = Infinity;
  /** Large replies that are not in the list yet, by name. */
  readonly #aside = new Map<string, { readonly element: Buffer; readonly endsAtMs: number }>();

  constructor(onFilled: (list: StoredList) => void) {
    this.list = new StoredList(onFilled);
  }

  /** Adds a reply at the tail. Returns what the list was before. */
  add(nowMs: number, element: Buffer): SeenList {
    this.forgetEnded(nowMs);
    const seen = {
      length: this.list.length,
      head: this.list.at(0)?.toString('latin1', 0, HEAD_BYTES),
      added: this.#added,
    };
    this.#added += 1;
    this.list.push(element);
    this.#listEndsAtMs = nowMs + KEEP_REPLIES_MS;
    return seen;
  }

  refuse(nowMs: number, requests: readonly number[]): void {
    this.forgetEnded(nowMs);
    for (const request of requests) this.#refused.add(request);
    this.#refusedEndsAtMs = nowMs + KEEP_REPLIES_MS;
  }

  isRefused(request: number): boolean {
    return this.#refused.has(request);
  }

  /** How many large replies are not in the list yet. */
  get aside(): number {
    return this.#aside.size;
  }

  putAside(nowMs: number, name: string, element: Buffer): void {
    this.forgetEnded(nowMs);
    this.#aside.set(name, { element, endsAtMs: nowMs + KEEP_REPLIES_MS });
  }

  dropAside(name: string): void {
    this.#aside.delete(name);
  }

  forgetEnded(nowMs: number): void {
    if (this.#listEndsAtMs <= nowMs) this.list.clear();
    if (this.#refusedEndsAtMs <= nowMs) this.#refused.clear();
    for (const [name, { endsAtMs }] of this.#aside) if (endsAtMs <= nowMs) this.#aside.delete(name);
  }

  remember(): Restore {
    const parts = [this.list.remember(), rememberSet(this.#refused), rememberMap(this.#aside)];
    const [listEndsAtMs, refusedEndsAtMs] = [this.#listEndsAtMs, this.#refusedEndsAtMs];
    const added = this.#added;
    return () => {
      together(parts)();
      this.#listEndsAtMs = listEndsAtMs;
      this.#refusedEndsAtMs = refusedEndsAtMs;
      this.#added = added;
    };
  }

  /** A caller that waits goes on waiting. */
  clear(): void {
    this.forgetEnded(Infinity);
  }
}
