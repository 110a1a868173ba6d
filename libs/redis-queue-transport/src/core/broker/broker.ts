import type { Element } from '../message/envelope.js';
import type { HistoryBounds } from '../events/event-index.js';

/**
 * What a process needs from Redis. Every verb may reject with `RedisUnavailableError` (nothing was sent),
 * `OutcomeUnknownError` (it may have happened) or `RedisRefusedError` (Redis refused it), and with nothing else. No verb
 * hangs. Several callers may use them at once.
 */
export interface Broker {
  /** Opens the connection, or waits for it. May be called any number of times. */
  connect(): Promise<void>;

  /**
   * Puts a message at the tail of the queue, or, if it is due later, beside the queue until then. When this resolves,
   * Redis holds the message. With a deduplication window, `duplicate` means that Redis already held it and added nothing.
   */
  push(
    queue: string,
    messageId: string,
    element: Element,
    terms?: PushTerms,
  ): Promise<'added' | 'duplicate'>;

  /** Whether a server has ever joined the queue. Asks Redis; once the answer is yes, it stays yes. */
  isServed(queue: string): Promise<boolean>;

  /** How servers have ever served a name. For messages to people: too expensive to ask for each message. */
  servedAs(name: string): Promise<ServedAs>;

  /** How many messages wait in each of these queues that has no consumer. Queues with a consumer are left out. */
  stranded(names: readonly string[]): Promise<ReadonlyMap<string, number>>;

  /**
   * Sends the event to everyone listening now, gives a copy to each group that wants it, and adds it to its histories:
   * all of that or nothing. Counts every group whose {@link join} or {@link declare} has resolved. The pattern has no
   * wildcards. When this resolves, Redis holds the copies.
   */
  publish(
    pattern: string,
    messageId: string,
    element: Element,
    terms?: PublishTerms,
  ): Promise<Published>;

  /**
   * Starts histories, and copies for groups that have not joined yet. Existing declarations stay as they are. If Redis
   * loses a declaration, the next {@link join} of a queue that this process has joined before declares it again.
   */
  declare(declaration: EventDeclaration): Promise<void>;

  /**
   * Calls the listener for each event of these patterns, in order, until `close`. Subscribes again by itself after a
   * reconnect. Patterns may have wildcards; the listener gets the pattern as given here. Call it once. The listener must
   * handle its own errors. Patterns with recovery terms need a history of their own: for these, the listener also gets
   * events that were emitted while the connection was down.
   */
  subscribe(
    patterns: readonly string[],
    onEvent: (pattern: string, element: Buffer) => void,
    recovery?: RecoveryTerms,
  ): Promise<void>;

  /**
   * Adds a reply to the request of this number to the caller's reply list. Replies to one request keep their order.
   * Replies and the next {@link Lease.exchange} are sent in the order of the calls, so a delivery is never settled before
   * a reply that was given here earlier is written. Large replies are the exception: see {@link repliesWritten}.
   */
  reply(list: string, element: Element, request: number): Promise<unknown>;

  /** The same for one value of a stream. */
  replyAndGoOn(list: string, element: Element, request: number): Promise<StreamState>;

  /**
   * Large replies use a connection of their own, so that nothing else waits behind them. Resolves when all large replies
   * to this request have been written or have failed; undefined if there are none. Do not settle the delivery earlier.
   */
  repliesWritten(list: string, request: number): Promise<unknown> | undefined;

  /** Tells servers that nobody listens to further replies to these requests of {@link receiveReplies}. */
  refuseReplies(requests: readonly number[]): Promise<void>;

  /**
   * Whether the key is a reply list of this broker's prefix. Check this before {@link reply}: the name comes from a
   * message, so it could be any key.
   */
  isReplyList(list: string): boolean;

  /** Starts reading this process's own reply list and returns its name. Call it once, or again if it failed. */
  receiveReplies(onReply: (element: Buffer) => void): Promise<string>;

  /**
   * Registers a new consumer of the queue, with a lease of its own. `onWake` is called with news about the queue. A
   * running wait does not notice a pause: give back what it still returns.
   */
  join(queue: string, terms: LeaseTerms, onWake: (news: WakeNews) => void): Promise<Lease>;

  /**
   * Records the terms by which this process serves a queue that it has joined. Returns the terms that another process,
   * which may still serve the queue, has recorded differently; undefined if there are none. The last record stands.
   */
  noteTerms(queue: string, terms: QueueTerms): Promise<OtherTerms | undefined>;

  /**
   * Keeps moving what other programs add to a list of theirs to the tail of the queue. Each element becomes the data of a
   * message, even if it looks like an envelope. Resolves when it has started. Later failures are reported in the
   * background and tried again.
   */
  feed(queue: string, source: ListSource): Promise<Feed>;

  /** Redis's time in ms, as far as known. This process's wall clock is ignored. */
  nowMs(): number;

  /**
   * Waits for running calls, at most `withinMs` (default {@link CLOSE_WITHIN_MS}), then closes every connection. Calls
   * still in flight reject. May be called twice.
   */
  close(withinMs?: number): Promise<void>;
}

/** How long, in ms, closing waits for running calls: as long as any call waits for a silent Redis. */
export const CLOSE_WITHIN_MS = 5_000;

/**
 * What is known of the caller of a stream: it listens (`wanted`, the default), it wants no more (`refused`), or it has not
 * read its replies for so long that it must be dead or cut off (`unread`).
 */
export type StreamState = 'wanted' | 'refused' | 'unread';

/** How servers serve a name, or have served it. */
export interface ServedAs {
  readonly isQueue: boolean;
  /** Live handlers match it, wildcards included. */
  readonly isHeard: boolean;
  /** Queues of the groups that want events of this name, wildcards included. */
  readonly groupQueues: readonly string[];
}

/**
 * - `look`: an exchange is worthwhile although nothing waits.
 * - `paused`: nothing is handed out any more.
 * - A number: something was scheduled that is due at this Redis time in ms, earlier than everything else. Only the
 *   timekeeper is told. If there is no timekeeper, all consumers are told to `look`.
 */
export type WakeNews = 'look' | 'paused' | number;

/** Options that all servers of a queue should share, by name. The name `by` is reserved. */
export type QueueTerms = Readonly<Record<string, string>>;

/** Where the terms of another server differ. */
export interface OtherTerms {
  /** The name of its process. */
  readonly process: string;
  /** Its values, by name. */
  readonly values: ReadonlyMap<string, string>;
}

/** A list that belongs to another program. */
export interface ListSource {
  readonly key: string;
  /** The end to take from. */
  readonly take: 'left' | 'right';
}

export interface Feed {
  /** Stops moving elements. May be called twice. Never rejects. */
  stop(): Promise<void>;
}

export interface PushTerms {
  /** Redis time in ms before which nobody gets the message. */
  readonly dueMs?: number | undefined;
  /** How long, in ms, another message with the same id is not added. */
  readonly deduplicateMs?: number | undefined;
}

export interface PublishTerms {
  /** How long, in ms, another event with the same id is given to nobody. */
  readonly deduplicateMs?: number | undefined;
}

/** The result of publishing. */
export interface Published {
  /** How many groups got a copy. */
  readonly groups: number;
  /** How many connections listened. */
  readonly listeners: number;
  /** An event with this id was already published within its window: nobody got this one, and both counts are 0. */
  readonly isDuplicate: boolean;
  /** Its place in the history of its pattern, or, without one, in that of a wildcard. */
  readonly historyId: string | undefined;
}

export interface EventDeclaration {
  /** May have wildcards. */
  readonly pattern: string;
  readonly groups?: readonly string[] | undefined;
  /** How much is kept from now on; undefined leaves it as it is. */
  readonly history?: HistoryBounds | undefined;
}

export interface RecoveryTerms {
  /** By pattern: events emitted longer ago than this, in ms, are not recovered. */
  readonly withinMs: ReadonlyMap<string, number>;
  /** Called with the number of events that are missed for good: too old, or no longer kept. */
  onMissed(pattern: string, events: number): void;
}

/** Marks a queue as a group's subscription. */
export interface SubscriptionTerms {
  /** The first history entry that a new group gets; undefined for new events only. */
  readonly from?: string | undefined;
}

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
   * return an element. Only one wait at a time; other verbs may run beside it.
   */
  wait(signal: AbortSignal): Promise<Buffer | 'leaseLost' | undefined>;

  /** Whether a message with this id was acknowledged with a `onceId` within the window. */
  wasHandled(messageId: string): Promise<boolean>;

  /** The body parked under this name; undefined if the lease holds but there is no such body. */
  parkedBody(parked: string): Promise<Buffer | 'leaseLost' | undefined>;

  /** Extends the lease, and tells which other consumers of the queue may be dead. */
  renew(): Promise<Renewal | 'leaseLost'>;

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
    }
  | { readonly kind: 'deadLetter'; readonly element: Buffer; readonly replacement: Buffer };
