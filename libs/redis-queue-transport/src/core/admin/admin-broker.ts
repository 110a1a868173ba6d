import type { EventAdminBroker } from './event-admin-broker.js';
import type { LimitState } from './limit-state.js';

/**
 * What inspecting and managing queues needs from Redis. Rejects like {@link Broker}. Results are snapshots: consumers
 * go on meanwhile.
 */
export interface AdminBroker {
  /** For groups and histories. */
  readonly events: EventAdminBroker;
  /** Every queue that was ever sent to or served. */
  queues(): Promise<readonly string[]>;
  lengths(queue: string): Promise<QueueLengths>;
  /** A queue at a glance, by two calls whose cost does not grow with its length or its elements. */
  look(queue: string): Promise<QueueLook>;
  /** The consumers that take from the queue, and reclaimed ones for which late commands have taken something. */
  consumers(queue: string): Promise<readonly QueueConsumer[]>;
  /** Waiting elements that consumers may take, the next one first. */
  waiting(queue: string, offset: number, count: number): Promise<readonly Buffer[]>;
  /** Elements in the lane of a key (as it is written), the next one first. */
  inLane(queue: string, key: string, offset: number, count: number): Promise<readonly Buffer[]>;
  /**
   * The lanes in which most elements wait, the longest first, and behind them keys that are paused and have none there, at
   * most `count`. Costs more the more keys are in use.
   */
  lanes(queue: string, count: number): Promise<readonly Lane[]>;
  /** Counts anew how many of each key are out, in one step, and compares. Undefined for a queue that is too long for that. */
  checkLanes(queue: string): Promise<LaneCheck | undefined>;
  /**
   * The same, and mends in the same step what is wrong: counts what is out, and lets keys go on. Returns what was wrong.
   * Many keys take several steps, of at most as many keys as were wrong at first. Undefined for a queue that is too long at
   * one of them: those before it have been done.
   */
  repairLanes(queue: string): Promise<LaneCheck | undefined>;
  /** Elements that were running when a process died and wait to run separately, the next one first. */
  suspects(queue: string, offset: number, count: number): Promise<readonly Buffer[]>;
  /** Elements that consumers hold, consumer by consumer, the oldest of each first. */
  held(queue: string, offset: number, count: number): Promise<readonly HeldElement[]>;
  /** Delayed elements, the next one due first. */
  delayed(queue: string, offset: number, count: number): Promise<readonly DelayedElement[]>;
  /**
   * Makes delayed elements due and keeps their order: what is due at `lastDueMs` becomes due now, and the others as
   * long before it as they were. Returns how many were there.
   */
  advance(queue: string, elements: readonly Buffer[], lastDueMs: number): Promise<number>;
  deadLetters(queue: string, part: DeadLetterPart): Promise<readonly DeadElement[]>;
  /** The dead letter of an entry; undefined if there is none. Any text is allowed. */
  deadLetter(queue: string, entry: string): Promise<DeadElement | undefined>;
  /**
   * Moves dead letters back to the tail of the queue, each once and with its new element. Returns how many were there.
   */
  redrive(queue: string, letters: readonly DeadElement[]): Promise<number>;
  /** Returns how many were there. Any text is allowed. */
  deleteDeadLetters(queue: string, entries: readonly string[]): Promise<number>;
  /** Parked bodies by name, without those that do not exist. */
  parkedBodies(queue: string, names: readonly string[]): Promise<ReadonlyMap<string, Buffer>>;
  setPaused(queue: string, isPaused: boolean): Promise<void>;
  /** The same for a key (as it is written). Its rest ends too when it is resumed, whatever it was for. */
  setKeyPaused(queue: string, key: string, isPaused: boolean): Promise<void>;
  /**
   * Looks for a message by its id; one of them if several have it. A message that moves meanwhile may be missed.
   */
  find(queue: string, id: string): Promise<FoundElement | undefined>;
  /** Removes an element that nobody holds, and its parked body. Returns whether it was there. */
  remove(queue: string, element: Buffer): Promise<boolean>;
  /** Removes all messages that wait, suspects included, all that are delayed, or both. Returns how many. */
  purge(queue: string, what: PurgedPart | 'all'): Promise<number>;
  /** Removes what is left of a queue without messages that nobody serves, and its name. Its next message lists it again. */
  forget(queue: string): Promise<Forgetting>;
  /**
   * The text that Redis's command INFO returns. A broker that is not on Redis says so in the same form
   * (`redis_mode:memory`), and gives zeros for what it does not have.
   */
  redisInfo(): Promise<string>;
  close(): Promise<void>;
}

/** How many messages are where, and what limits the queue. */
export interface QueueLengths extends LimitState {
  /** Messages that consumers may take now. Those in lanes, and those that wait for their keys, are not among them. */
  readonly waiting: number;
  /** How many of those have each priority, for example `{ 4: 120, 9: 2 }`. Only those that some have. */
  readonly byPriority: Readonly<Record<number, number>>;
  /** Messages in the lanes of their keys: each waits until an earlier message of its key is settled. */
  readonly inLanes: number;
  /** Messages of a group that wait until one of its servers has read their keys from their data. */
  readonly unkeyed: number;
  /** Messages that were running when a process died, and wait to be run separately. */
  readonly suspects: number;
  readonly processing: number;
  readonly delayed: number;
  readonly dead: number;
  readonly consumers: number;
  readonly isPaused: boolean;
  /** Messages that were removed unhandled because they expired. */
  readonly expired: number;
  /** Messages that were removed because their id was already handled (`once`). */
  readonly repeated: number;
  /** Dead letters that were dropped by the limits on number and age. */
  readonly deadLettersDropped: number;
  /** Copies of events that were dropped because the list of the group was full (`onFull: 'drop'`). */
  readonly copiesDropped: number;
}

/** A queue at a glance. `processing` only counts what the first thousand consumers hold whose leases have not ended. */
export interface QueueLook extends QueueLengths {
  readonly queue: string;
  /**
   * How many keys have messages in their lane. If 200 keys are in use, only a part of them may be
   * looked at, here and in the two below.
   */
  readonly lanes: number;
  /** How many messages are in the longest lane. */
  readonly longestLane: number;
  /**
   * When the oldest of the first elements was sent: of `waiting`, of each priority and of each lane. Undefined if none of them
   * says. Giants are left out, and lanes whose elements come behind 512 KiB of others.
   */
  readonly oldestSentAtMs: number | undefined;
  /** Redis time in ms. */
  readonly nowMs: number;
}

/** Of how many keys in use {@link AdminBroker.look} sees the lanes, at most. */
export const MOST_LANES_SEEN = 200;

/** The elements that wait behind others of their key. */
export interface Lane {
  /** As it is written. */
  readonly key: string;
  /** How many of the key are counted as out: they can be taken, are held, or are delayed for a retry. */
  readonly out: number;
  /** How many are in the lane. */
  readonly waiting: number;
  /** Until when nothing more of the key goes on, in Redis ms: Infinity for a paused key. Undefined if it may. */
  readonly restsUntilMs: number | undefined;
  /** The beginning of the first element in it. Empty for a giant. */
  readonly head: Buffer;
}

/**
 * Most elements that are counted anew in one step, together with the keys, rests and consumers of their queue: more would
 * keep Redis busy for too long.
 */
export const MOST_COUNTED = 4_000;

/** What is counted of lanes, and what is there. */
export interface LaneCheck {
  /** Keys of which another number is counted than is out, or of which messages are in a lane while none is out. */
  readonly wrong: readonly WrongCount[];
  readonly inLanes: LaneTotal;
}

/** How many messages are in lanes. */
export interface LaneTotal {
  readonly counted: number;
  readonly there: number;
}

export interface WrongCount {
  /** As it is written. */
  readonly key: string;
  /** How many are counted as out: 0 also for what is no number. */
  readonly counted: number;
  /** How many are out. */
  readonly out: number;
  /** How many are in the lane. */
  readonly waiting: number;
}

/**
 * The result of forgetting a queue: `forgotten`; `unknown`: there is nothing of it; or why it was left alone:
 *
 * - `hasMessages`: some wait, are delayed, are dead letters, or are in the hands of a consumer that died.
 * - `isServed`: a server has it, or one that did not end in order may still do something for fifteen minutes.
 * - `isPaused`: the queue or one of its keys is paused, and would no longer be.
 * - `isGroup`: a group gets copies of events there. Retire it.
 */
export type Forgetting =
  'forgotten' | 'unknown' | 'hasMessages' | 'isServed' | 'isPaused' | 'isGroup';

/** What may be purged by itself. */
export type PurgedPart = 'waiting' | 'delayed';

/** Which dead letters to list. */
export interface DeadLetterPart {
  /** The first entry, included. Default: the oldest, or the newest with `isNewestFirst`. */
  readonly from: string | undefined;
  /** How many to skip from there. */
  readonly offset: number;
  readonly count: number;
  readonly isNewestFirst: boolean;
}

/** A consumer of a queue. */
export interface QueueConsumer {
  /** Its host, process id, a random text and a number, joined by dashes. */
  readonly name: string;
  /**
   * `live` while its lease lasts, by Redis's clock. `ended`: it is dead or cut off, and another consumer of the queue
   * will take back what it holds. `reclaimed`: that was done, and what its late commands took since is taken back too.
   */
  readonly state: 'live' | 'ended' | 'reclaimed';
  /** By Redis's clock. Undefined once reclaimed. */
  readonly leaseEndsAt: Date | undefined;
  /** How many messages it holds. */
  readonly held: number;
}

export interface DelayedElement {
  readonly element: Buffer;
  /** Redis time in ms. */
  readonly dueMs: number;
}

export interface HeldElement {
  readonly element: Buffer;
  readonly consumer: string;
}

/** A message that is not dead-lettered, and where it is. Suspects count as waiting. */
export type FoundElement =
  | { readonly place: 'waiting'; readonly element: Buffer }
  | ({ readonly place: 'held' } & HeldElement)
  | ({ readonly place: 'delayed' } & DelayedElement);

/** A dead letter's place in the dead letters, and its element. */
export interface DeadElement {
  readonly entry: string;
  readonly element: Buffer;
}
