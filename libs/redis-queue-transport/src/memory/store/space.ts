import { assertNamesQueue } from '../../core/message/queue-name.js';
import { rememberMap, together } from '../collections/remember.js';
import type { Restore } from '../collections/remember.js';
import { StoredEvents } from './stored-events.js';
import { StoredQueue } from './stored-queue.js';
import { StoredReplies } from './stored-replies.js';
import type { StoredList } from './stored-list.js';

/** What a store holds under one prefix. */
export class Space {
  readonly queues = new Map<string, StoredQueue>();
  /** Every queue that was ever sent to (`pushed`) or served. */
  readonly listed = new Map<string, 'pushed' | 'served'>();

  readonly events = new StoredEvents();
  /** By the name of the list. */
  readonly #replies = new Map<string, StoredReplies>();

  constructor(
    private readonly onFilled: (list: StoredList) => void,
    private readonly nowMs: () => number,
  ) {}

  /** @throws InvalidPatternError for a name that no queue can have in Redis either */
  queue(name: string): StoredQueue {
    const known = this.queues.get(name);
    if (known !== undefined) return known;
    assertNamesQueue(name);
    const queue = new StoredQueue(this.onFilled, this.nowMs);
    this.queues.set(name, queue);
    return queue;
  }

  replies(list: string): StoredReplies {
    const known = this.#replies.get(list);
    if (known !== undefined) return known;
    const replies = new StoredReplies(this.onFilled);
    this.#replies.set(list, replies);
    return replies;
  }

  get replyLists(): Iterable<StoredReplies> {
    return this.#replies.values();
  }

  /** Lists a queue, and returns how it was listed before. */
  list(queue: string, state: 'pushed' | 'served'): 'pushed' | 'served' | undefined {
    const before = this.listed.get(queue);
    if (before !== 'served') this.listed.set(queue, state);
    return before;
  }

  /** What did not exist yet is empty again. */
  remember(): Restore {
    const parts = [this.events, ...this.queues.values(), ...this.#replies.values()];
    const restores = [rememberMap(this.listed), ...parts.map((part) => part.remember())];
    return () => {
      this.clear();
      together(restores)();
    };
  }

  /** Those who wait at lists get no answer any more. */
  forgetTakers(): void {
    for (const queue of this.queues.values()) queue.forgetTakers();
    for (const { list } of this.#replies.values()) list.forgetTakers();
  }

  /** Forgets everything. Those who wait or listen stay. */
  clear(): void {
    for (const queue of this.queues.values()) queue.clear();
    this.listed.clear();
    this.events.clear();
    for (const replies of this.#replies.values()) replies.clear();
  }
}
