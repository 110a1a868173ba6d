import type { WakeNews } from '../../core/broker/broker.js';
import type { QueueOrder } from '../../core/broker/lease.js';
import { USUAL_PRIORITY, priorityOf } from '../../core/message/priority.js';
import { DelayedMessages } from './delayed-messages.js';
import { Deque } from '../collections/deque.js';
import { EntryLog } from '../collections/entry-log.js';
import { KnownIds } from '../collections/known-ids.js';
import { NO_READING, afterCrash } from './key-reading.js';
import type { KeyReading } from './key-reading.js';
import { Lanes } from './lanes.js';
import { Levels } from './levels.js';
import { Rests } from './rests.js';
import { rememberLists, rememberMap, rememberSet, together } from '../collections/remember.js';
import type { Restore } from '../collections/remember.js';
import { StoredList } from './stored-list.js';

/** A consumer that hears news about its queue. */
export interface WakeListener {
  readonly process: string;
  readonly hear: (news: WakeNews) => void;
}

/** What is counted of a queue for people. */
export interface QueueCounts {
  expired: number;
  repeated: number;
  deadLettersDropped: number;
  /** How many of those a lease was told about. */
  deadLettersTold: number;
  /** How many copies of events were dropped because the list was full. */
  copiesDropped: number;
  /** How many bodies were ever parked. */
  parkedEver: number;
}

const NO_COUNTS: Readonly<QueueCounts> = {
  expired: 0,
  repeated: 0,
  deadLettersDropped: 0,
  deadLettersTold: 0,
  copiesDropped: 0,
  parkedEver: 0,
};

/** What is neither a message nor a table. */
const NO_STATE = {
  termsBy: undefined,
  isPaused: false,
  nextAtPaceUs: undefined,
  slowed: undefined,
  trial: undefined,
  timekeeper: undefined,
  isKeyed: false,
  keyReader: undefined,
  keyReading: NO_READING,
  offered: undefined,
  isDueLast: false,
} satisfies Partial<StoredQueue>;

/** What a queue in Redis says about those that were running when their process died. */
const SUSPECT = Buffer.from('{"rq":1,"crashes":');

/**
 * All that a store holds of one queue. The names are those of Redis's keys, and each part keeps the order that its key has
 * there (redis/keys/keys.ts).
 */
export class StoredQueue {
  /** New ones are added at the tail, and taken at the head or, newest first, at the tail. */
  readonly waiting: StoredList;
  readonly suspects: StoredList;
  /** What waits until a consumer has read its key. */
  readonly unkeyed: StoredList;
  /** By consumer, the oldest first. Consumers that hold nothing have no entry. */
  readonly processing = new Map<string, Buffer[]>();
  readonly delayed = new DelayedMessages();
  readonly levels = new Levels();
  readonly lanes = new Lanes();
  readonly rests = new Rests();
  readonly dead = new EntryLog<Buffer>();
  /** When the lease of each consumer ends. */
  readonly consumers = new Map<string, number>();
  /** Until when a late command of a consumer that lost its lease is looked for. */
  readonly fenced = new Map<string, number>();
  readonly ids = new KnownIds();
  readonly handled = new KnownIds();
  readonly parked = new Map<string, Buffer>();
  readonly counts: QueueCounts = { ...NO_COUNTS };
  /** What was taken from another program's list, on its way to `waiting`. */
  readonly fed = new Deque<Buffer>();
  readonly terms = new Map<string, string>();
  /** The process that recorded the terms last. */
  termsBy: string | undefined;
  isPaused = false;
  /** When the next message would be taken if all came at the pace of the limit, in µs; undefined before the first. */
  nextAtPaceUs: number | undefined;
  /** Until when nothing is handed out, and for how long that was to be. */
  slowed: { readonly untilMs: number; readonly ms: number } | undefined;
  /** The consumer that runs the suspects. */
  trial: string | undefined;
  /** The consumer that keeps the time. */
  timekeeper: string | undefined;
  /** What is added waits until its key was read. */
  isKeyed = false;
  /** Consumers that can read keys. */
  readonly readsKeys = new Set<string>();
  /** The one of them that does. */
  keyReader: string | undefined;
  /** What it reads. */
  keyReading: KeyReading = NO_READING;
  /** The beginning of a due message that was moved to `waiting` for other consumers. */
  offered: Buffer | undefined;
  /** Due messages may be left in `waiting`, which others would pass at its head. */
  isDueLast = false;

  readonly #listeners = new Set<WakeListener>();

  constructor(
    onFilled: (list: StoredList) => void,
    /** The time of the store's clock. */
    readonly nowMs: () => number,
  ) {
    this.waiting = new StoredList(onFilled);
    this.suspects = new StoredList(onFilled);
    this.unkeyed = new StoredList(onFilled);
  }

  /** What the consumer holds, to be read only. */
  heldBy(consumer: string): readonly Buffer[] {
    return this.processing.get(consumer) ?? [];
  }

  /** For how many ms nothing is handed out yet. If more is left than it was to last, the clock was set back, and it ends. */
  slowedFor(nowMs: number): number {
    const { untilMs = 0, ms = 0 } = this.slowed ?? {};
    const leftMs = untilMs - nowMs;
    return leftMs > 0 && leftMs <= ms ? leftMs : 0;
  }

  hold(consumer: string, element: Buffer): void {
    const held = this.processing.get(consumer);
    if (held === undefined) this.processing.set(consumer, [element]);
    else held.push(element);
  }

  /** Takes the first element of a list for a consumer. Asks nobody for the lease, as no blocked command of Redis does. */
  takeFrom(list: StoredList, consumer: string): Buffer | undefined {
    const element = list.shift();
    if (element !== undefined) this.hold(consumer, element);
    return element;
  }

  /** Removes the waiting element that is next in this order. */
  takeWaiting(order: QueueOrder | undefined): Buffer | undefined {
    return order === 'newestFirst' ? this.waiting.pop() : this.waiting.shift();
  }

  /**
   * To the head of where it came from: the end from which a consumer with this order takes. Returns whether it is in the
   * list of a level, out of sight of blocked consumers (memory/queue/levels.ts).
   */
  putBack(element: Buffer, order: QueueOrder | undefined): boolean {
    if (element.subarray(0, SUSPECT.length).equals(SUSPECT)) {
      this.suspects.unshift(element);
      return false;
    }
    // It would else wait behind this one, or come before it.
    this.recall(order);
    const level = priorityOf(element);
    if (level !== USUAL_PRIORITY) this.levels.add(level, element, headOf(order));
    else if (order === 'newestFirst') this.waiting.push(element);
    else this.waiting.unshift(element);
    return level !== USUAL_PRIORITY;
  }

  /**
   * An element of another level at the beginning of `waiting` went there while nothing else waited: moves it to the head of
   * its own level.
   */
  recall(order: QueueOrder | undefined): void {
    const first = this.waiting.at(0);
    const level = first === undefined ? USUAL_PRIORITY : priorityOf(first);
    if (first === undefined || level === USUAL_PRIORITY) return;
    this.waiting.shift();
    this.levels.add(level, first, headOf(order));
  }

  /**
   * Ends the roles of a consumer, and forgets where due messages went. Returns whether it had any, which another one must
   * then take.
   */
  endRoles(consumer: string, isDead: boolean): boolean {
    this.readsKeys.delete(consumer);
    if (this.keyReader === consumer) {
      this.keyReading = isDead ? afterCrash(this.keyReading) : { ...this.keyReading, many: 0 };
      this.keyReader = undefined;
      this.wake('keys');
    }
    const hadAny = this.trial === consumer || this.timekeeper === consumer;
    if (this.trial === consumer) this.trial = undefined;
    if (this.timekeeper === consumer) this.timekeeper = undefined;
    this.offered = undefined;
    this.isDueLast = false;
    return hadAny;
  }

  listen(listener: WakeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tells all consumers. */
  wake(news: Exclude<WakeNews, number>): void {
    for (const { hear } of this.#listeners) hear(news);
  }

  /** Tells those of one process. Returns how many there are. */
  wakeProcess(process: string, news: WakeNews): number {
    const listeners = [...this.#listeners].filter((listener) => listener.process === process);
    for (const { hear } of listeners) hear(news);
    return listeners.length;
  }

  /** Something is due then, before all else. Without a timekeeper, tells all consumers. */
  tellTimekeeper(dueMs: number): void {
    const process = this.timekeeper === undefined ? undefined : processOf(this.timekeeper);
    if (process === undefined || this.wakeProcess(process, dueMs) === 0) this.wake('look');
  }

  /** Messages wait for their keys. Without a reader, tells all consumers. */
  tellKeyReader(): void {
    if (this.keyReader === undefined || this.wakeProcess(processOf(this.keyReader), 'keys') === 0)
      this.wake('keys');
  }

  /** Forgets everything. Those who wait or listen stay. */
  clear(): void {
    const { delayed, fed, handled, ids, lanes, levels } = this;
    const { parked, processing, suspects, unkeyed, waiting } = this;
    for (const part of [delayed, fed, handled, ids, lanes, levels]) part.clear();
    for (const part of [parked, processing, suspects, unkeyed, waiting]) part.clear();
    this.forget();
  }

  /** Forgets everything but messages and ids. */
  forget(): void {
    const { consumers, dead, fenced, readsKeys, rests, terms } = this;
    for (const part of [consumers, dead, fenced, readsKeys, rests, terms]) part.clear();
    Object.assign(this.counts, NO_COUNTS);
    Object.assign(this, NO_STATE);
  }

  remember(): Restore {
    const { consumers, dead, delayed, fed, fenced, handled, ids, lanes, levels } = this;
    const { parked, processing, readsKeys, rests, suspects, terms, unkeyed, waiting } = this;
    const lists = [
      dead,
      delayed,
      fed,
      handled,
      ids,
      lanes,
      levels,
      rests,
      suspects,
      unkeyed,
      waiting,
    ];
    const tables: readonly Map<string, unknown>[] = [consumers, fenced, parked, terms];
    const restore = together([
      ...lists.map((list) => list.remember()),
      ...tables.map(rememberMap),
      rememberLists(processing),
      rememberSet(readsKeys),
    ]);
    const counts = { ...this.counts };
    const names = Object.keys(NO_STATE) as (keyof typeof NO_STATE)[]; // it has no others
    const state = Object.fromEntries(names.map((name) => [name, this[name]]));
    return () => {
      this.clear();
      restore();
      Object.assign(this.counts, counts);
      Object.assign(this, state);
    };
  }

  /** Those who wait get no answer any more. */
  forgetTakers(): void {
    for (const list of [this.waiting, this.suspects, this.unkeyed]) list.forgetTakers();
  }
}

/** The end from which a consumer takes. */
export function headOf(order: QueueOrder | undefined): 'left' | 'right' {
  return order === 'newestFirst' ? 'right' : 'left';
}

/** The process of a consumer is its name up to the last number. */
export function processOf(consumer: string): string {
  return consumer.replace(/-\d+$/, '');
}
