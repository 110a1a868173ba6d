import type { Limited, QueueLimit } from './limit.js';

/** Marks a queue as a group's subscription. */
export interface SubscriptionTerms {
  /** The first history entry that a new group gets; undefined for new events only. */
  readonly from?: string | undefined;
  /**
   * This consumer can tell the key of a message from its data ({@link Lease.readUnkeyed}). From before its group gets
   * copies, until no such consumer is left and everything has gone on, messages that are added wait until one of these
   * consumers has read their keys. Those that wait already when a group gets its first such consumer do too.
   */
  readonly readsKeys?: true | undefined;
}

/** What waits for its key, the oldest first, as one lease has read it. */
export interface UnkeyedPart {
  /** Empty if nothing waits. */
  readonly elements: readonly Buffer[];
  /** How often a process died that was reading the first of them, or others together with it. */
  readonly crashes: number;
}

/** An element that was read, and the key that it gets; undefined for none, or if it has one already. */
export interface ReadKey {
  readonly element: Buffer;
  readonly key: string | undefined;
}

/** Which of the waiting messages is taken next. */
export type QueueOrder = 'oldestFirst' | 'newestFirst';

export interface LeaseTerms {
  readonly leaseMs: number;
  /** How many dead letters the queue keeps; undefined for no limit by number. */
  readonly deadLetterLimit: number | undefined;
  /** How long, in ms, the queue keeps dead letters. */
  readonly deadLetterMaxAgeMs: number;
  /** How long, in ms, ids given with an ack are remembered. */
  readonly onceMs: number;
  /** Server-side bound of one {@link Lease.wait}. */
  readonly waitMs: number;
  /** The queue takes events. Its group gets copies from when `join` resolves, or earlier if it already did. */
  readonly subscription?: SubscriptionTerms | undefined;
  /** What this consumer and all others together may do. Those that join with another limit keep to theirs. */
  readonly limit?: QueueLimit | undefined;
  /**
   * In which order this consumer takes. What goes back (released, retried at once, given up) and what comes due is taken
   * next, before all others, in either order. Default `oldestFirst`.
   */
  readonly order?: QueueOrder | undefined;
}

/**
 * One consumer's right to the deliveries that it holds. When a verb returns `leaseLost`, the right is gone for good, and
 * everything that it held belongs to others.
 */
export interface Lease {
  readonly consumer: string;

  /**
   * In one step: settles, takes up to `take` more, and performs the given steps of a trial or of timekeeping. Do not call
   * it again before it has returned. After a rejection, give the same settlements again: each takes effect once. (An
   * element without an id cannot be told from another with the same bytes, and may be handed out again instead.)
   */
  exchange(
    settlements: readonly Settlement[],
    take: number,
    trial?: TrialStep,
    time?: TimeStep,
  ): Promise<Exchange | 'leaseLost'>;

  /**
   * Blocks until an element arrives that is no suspect, `waitMs` is over, or the signal fires; even then it may still
   * return an element. Only one wait at a time; other verbs may run beside it. Returns how the queue is limited if the
   * element may not be taken: it has kept its place then.
   *
   * A lease may also wait without taking. Then it returns `look` when elements may have arrived, which an exchange is to
   * take; no element is left to strays, and `waitMs` does not bound it.
   */
  wait(signal: AbortSignal): Promise<Buffer | Limited | 'leaseLost' | 'look' | undefined>;

  /** Whether a message with this id was acknowledged with a `onceId` within the window. */
  wasHandled(messageId: string): Promise<boolean>;

  /** The body parked under this name; undefined if the lease holds but there is no such body. */
  parkedBody(parked: string): Promise<Buffer | 'leaseLost' | undefined>;

  /**
   * Lets the elements go on that the last call has read, in their order and with the keys that were found, as far as they
   * are still in front; then reads at most `most` that come next, which stay where they are. With 0, it reads nothing and
   * lets another lease read.
   *
   * One lease of a queue reads at a time: `others` means that another does, and that nothing was done. It takes over from
   * one that is dead, and counts a crash if that one had read something. After a rejection, read again without keys.
   */
  readUnkeyed(
    read: readonly ReadKey[],
    most: number,
  ): Promise<UnkeyedPart | 'others' | 'leaseLost'>;

  /**
   * For a lease that tells no keys: lets what waits for its key go on without one, or a part of it, unless a consumer
   * has a lease that can tell keys. Returns whether more is left to pass.
   */
  passUnkeyed(): Promise<'done' | 'more' | 'leaseLost'>;

  /** Extends the lease, and tells which other consumers of the queue may be dead. Default `now`. */
  renew(when?: RenewalTime): Promise<Renewal | 'leaseLost'>;

  /**
   * Turns what an ended consumer held into suspects, in order, and returns how many. Leaves the consumer alone if its
   * lease does not end at the time that was seen. What a late command took for a consumer without a lease was never
   * started, and goes back unchanged.
   */
  reclaim(consumer: string, seenEndMs?: number): Promise<number>;

  /**
   * Which of these fenced consumers hold something that a late command took, to be reclaimed. Forgets consumers from
   * which no command can arrive any more.
   */
  findLateTakes(fenced: readonly string[]): Promise<readonly string[]>;

  /** Gives back what this lease still holds, unharmed, and ends it. Safe to call after the lease was lost. */
  leave(): Promise<void>;
}

export interface Exchange {
  readonly taken: readonly Buffer[];
  /** Settlements that found nothing: settled by an earlier call whose reply was lost, or removed by hand. */
  readonly missing: number;
  /** More may be waiting: the call took less than it might, because elements were large. */
  readonly isCut: boolean;
  readonly suspects: Suspects;
  /** The queue is paused: nothing is handed out. */
  readonly isPaused: boolean;
  /** Time in ms until the next delayed message is due; undefined if there is none that could be handed out then. */
  readonly dueInMs: number | undefined;
  /** After a `keep`: this lease is the timekeeper. */
  readonly isTimekeeper: boolean;
  /**
   * More wait than may be taken. Absent if nothing else was asked for, unless the queue was slowed down: that is always
   * told.
   */
  readonly limited?: Limited | undefined;
}

/**
 * A trial is the time in which one consumer has the right to run the queue's suspects, and gets nothing else. Its steps:
 *
 * - `claim` the right: granted if nobody has it and there are suspects;
 * - `claimIfEmpty`: likewise, but only if the lease holds nothing;
 * - `keep` the right;
 * - take the `next` suspect: if there is none, the right ends;
 * - `yield` the right. It also ends with the lease.
 */
export type TrialStep = 'claim' | 'claimIfEmpty' | 'keep' | 'next' | 'yield';

/**
 * One consumer of a queue at a time is its timekeeper: it makes sure that due messages are handed out, by any consumer.
 * `keep` the time from now until the lease ends, unless another consumer does; or `yield` it and wake the others.
 */
export type TimeStep = 'keep' | 'yield';

/** Whether suspects wait, and who has the right to run them: nobody (`free`), this lease (`mine`), or another (`others`). */
export type Suspects = 'none' | 'free' | 'mine' | 'others';

/** `soon`: within a thirtieth of the lease, so that others can be renewed with it. */
export type RenewalTime = 'now' | 'soon';

export interface Renewal {
  /** Redis's time. */
  readonly nowMs: number;
  /**
   * Leases whose end does not fit a healthy consumer with this `leaseMs`: over, about to be over, or ending later than a
   * lease that was renewed just now.
   */
  readonly doubtful: readonly SeenLease[];
  /**
   * Consumers that lost their lease. Check them with {@link Lease.findLateTakes}: a late command of theirs may still have
   * taken something. Each is named to one lease of the queue, about once in a third of a lease.
   */
  readonly fenced: readonly string[];
  /** How many dead letters were dropped that no lease was told about yet; absent for none. */
  readonly deadLettersDropped?: number;
  /** Messages wait for their key to be read. */
  readonly hasUnkeyed?: true;
}

/** The lease of another consumer. */
export interface SeenLease {
  readonly consumer: string;
  /** By Redis's clock. */
  readonly endsAtMs: number;
}

/** Why a message was removed without being run. Each is counted under this name. */
export type SkipReason = 'expired' | 'repeated';

/** An outcome, ready to be applied. `element` is always the bytes that were taken. */
export type Settlement =
  /** With a `onceId`, the id is remembered for `onceMs`. A parked body is removed with the message. */
  | {
      readonly kind: 'ack';
      readonly element: Buffer;
      readonly onceId?: string;
      readonly isParked?: true;
    }
  | { readonly kind: 'skip'; readonly element: Buffer; readonly why: SkipReason }
  | { readonly kind: 'release'; readonly element: Buffer }
  | {
      readonly kind: 'retry';
      readonly element: Buffer;
      readonly replacement: Buffer;
      readonly delayMs: number;
      /** Nothing else of the queue is handed out before that either, to any consumer. */
      readonly slowsQueue?: true;
      /** Nothing more of its key goes on before that, but for what has its turn; not even what else this call would let go on. */
      readonly slowsKey?: true;
    }
  | { readonly kind: 'deadLetter'; readonly element: Buffer; readonly replacement: Buffer };
