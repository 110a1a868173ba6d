import type { EventAdminBroker } from './event-admin-broker.js';

/**
 * What looking into queues and tending them needs from Redis. Rejects as {@link Broker} does. Answers are a snapshot:
 * live consumers go on meanwhile.
 */
export interface AdminBroker {
  /** For groups and histories. */
  readonly events: EventAdminBroker;
  /** Every queue that was ever pushed to or served. */
  queues(): Promise<readonly string[]>;
  lengths(queue: string): Promise<QueueLengths>;
  /** Each of these queues at a glance, at a cost that does not grow with what is in it. */
  look(queues: readonly string[]): Promise<readonly QueueLook[]>;
  /** Waiting elements, the next one first. */
  waiting(queue: string, offset: number, count: number): Promise<readonly Buffer[]>;
  /** Delayed elements, the next one due first. */
  delayed(queue: string, offset: number, count: number): Promise<readonly DelayedElement[]>;
  /**
   * Makes delayed elements due, in the order in which they would have been: the one of `lastDueMs` now, the others
   * before it. Answers how many were there.
   */
  advance(queue: string, elements: readonly Buffer[], lastDueMs: number): Promise<number>;
  /** Dead letters from an entry on (included; the oldest without one), oldest first. */
  deadLetters(
    queue: string,
    from: string | undefined,
    count: number,
  ): Promise<readonly DeadElement[]>;
  /** The dead letter of an entry; undefined where there is none, whatever the text. */
  deadLetter(queue: string, entry: string): Promise<DeadElement | undefined>;
  /** Moves dead letters back to the tail of the queue, each with its new element, once; answers how many were there. */
  redrive(queue: string, letters: readonly DeadElement[]): Promise<number>;
  /** Answers how many were there; a text that names no entry names none that is there. */
  deleteDeadLetters(queue: string, entries: readonly string[]): Promise<number>;
  /** Bodies that are parked beside the queue, by name; those that are not there are left out. */
  parkedBodies(queue: string, names: readonly string[]): Promise<ReadonlyMap<string, Buffer>>;
  setPaused(queue: string, isPaused: boolean): Promise<void>;
  /**
   * Looks for the message of an id. Where several have it, one of them; one that moves on meanwhile may be missed.
   */
  find(queue: string, id: string): Promise<FoundElement | undefined>;
  /** Removes an element that nobody holds, and its parked body; answers whether it was there. */
  remove(queue: string, element: Buffer): Promise<boolean>;
  /** Removes what waits and what is delayed; answers how many that were. */
  purge(queue: string): Promise<number>;
  close(): Promise<void>;
}

export interface QueueLengths {
  readonly waiting: number;
  /** Messages that were running when a process died, and wait to be run apart from others. */
  readonly suspects: number;
  readonly processing: number;
  readonly delayed: number;
  readonly dead: number;
  readonly consumers: number;
  readonly isPaused: boolean;
  /** Messages that were removed unhandled as their time was over. */
  readonly expired: number;
  /** Messages that were removed as their id had been handled (`once`). */
  readonly repeated: number;
  /** Dead letters that were dropped by the caps on count and age. */
  readonly deadLettersDropped: number;
}

/** A queue at a glance. */
export interface QueueLook extends Pick<
  QueueLengths,
  'waiting' | 'suspects' | 'delayed' | 'dead' | 'isPaused'
> {
  readonly queue: string;
  /** The beginning of the element that is handed out next: its header, in all likelihood. Empty without one. */
  readonly head: Buffer;
  /** Redis time in ms. */
  readonly nowMs: number;
}

export interface DelayedElement {
  readonly element: Buffer;
  /** Redis time in ms. */
  readonly dueMs: number;
}

/** A message that is not dead-lettered, and where it is; suspects wait as well. */
export type FoundElement =
  | { readonly place: 'waiting' | 'held'; readonly element: Buffer }
  | ({ readonly place: 'delayed' } & DelayedElement);

/** A dead letter's place in the dead letters, and its element. */
export interface DeadElement {
  readonly entry: string;
  readonly element: Buffer;
}
