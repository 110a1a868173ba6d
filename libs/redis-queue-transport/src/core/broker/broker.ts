import type { Element } from '../message/envelope.js';
import type { HistoryBounds } from '../events/event-index.js';

/**
 * What a process needs from Redis. Every verb may reject with `RedisUnavailableError` (nothing was sent),
 * `OutcomeUnknownError` (it may have happened) or `RedisRefusedError` (Redis said no); nothing else, and never hangs.
 * Verbs may be called from several places at once.
 */
export interface Broker {
  /** Opens the connection, or waits for it. May be called any number of times. */
  connect(): Promise<void>;

  /**
   * Puts a message at the tail of the queue, or, with a time to come, beside it until then. Once it resolved, Redis
   * holds the message; with a window, `duplicate` says that it already did and nothing was added.
   */
  push(
    queue: string,
    messageId: string,
    element: Element,
    terms?: PushTerms,
  ): Promise<'held' | 'duplicate'>;

  /** Whether a server ever joined the queue. Asks Redis; a yes need not be asked for again. */
  isServed(queue: string): Promise<boolean>;

  /** As what servers ever served a name. For people: asks Redis for more than a single message should cost. */
  servedAs(name: string): Promise<ServedAs>;

  /** How many messages wait in those queues of these names that no consumer takes from; the others are left out. */
  stranded(names: readonly string[]): Promise<ReadonlyMap<string, number>>;

  /**
   * Tells the event of a concrete pattern to whoever listens now, gives each group that wants it a copy, and adds it
   * to its histories, all or nothing. Every group counts whose {@link join} or {@link declare} had resolved. Once it
   * resolved, Redis holds the copies.
   */
  publish(
    pattern: string,
    messageId: string,
    element: Element,
    terms?: PublishTerms,
  ): Promise<Published>;

  /**
   * Lets groups get copies before they first join, and histories begin. What is declared already stays as it is. Where
   * Redis forgets it, it is declared again with the next {@link join} of a queue that this process had joined before.
   */
  declare(declaration: EventDeclaration): Promise<void>;

  /**
   * Calls the listener for each event of these patterns, in order, until `close`; after a reconnect it listens again
   * by itself. A pattern may have wildcards; the listener is told the pattern as it is given here. To be called once.
   * Nothing that the listener throws comes back here. Patterns with recovery terms need a history of their own; of
   * them the listener gets what was emitted while it was cut off too.
   */
  subscribe(
    patterns: readonly string[],
    onEvent: (pattern: string, element: Buffer) => void,
    recovery?: RecoveryTerms,
  ): Promise<void>;

  /**
   * Adds to a caller's reply list what answers its request of this number. Replies to one request keep their order. They
   * and the next {@link Lease.exchange} leave in the order of the calls, so a delivery that is settled after its reply was
   * given here is never settled without the reply having been written; but for large ones, see {@link repliesWritten}.
   */
  reply(list: string, element: Element, request: number): Promise<unknown>;

  /** The same for one value of a stream. */
  replyAndGoOn(list: string, element: Element, request: number): Promise<StreamState>;

  /**
   * Large replies take a way of their own, so that nothing else need wait for them. Resolves when those to this request
   * that are on it have been written, or have failed; undefined where none is. Until then its delivery must not be settled.
   */
  repliesWritten(list: string, request: number): Promise<unknown> | undefined;

  /** Says of requests that got replies through {@link receiveReplies} that nobody listens to further ones. */
  refuseReplies(requests: readonly number[]): Promise<void>;

  /**
   * Whether it is named as a reply list of this broker's prefix. Only such may be given to {@link reply}: what a message
   * names came from others, and may be any key.
   */
  isReplyList(list: string): boolean;

  /** Starts to read this process's own reply list and answers its name. To be called once, or again after it failed. */
  receiveReplies(onReply: (element: Buffer) => void): Promise<string>;

  /**
   * Registers a new consumer of the queue, with a lease of its own. `onWake` is called with news of the queue. A wait
   * that is under way knows nothing of a pause: what it still answers is to be given back.
   */
  join(queue: string, terms: LeaseTerms, onWake: (news: WakeNews) => void): Promise<Lease>;

  /**
   * Notes by which terms this process serves a queue that it has joined. Answers which of them another one that may still
   * serve the queue has noted otherwise; undefined for none. Those that were noted last stand.
   */
  noteTerms(queue: string, terms: QueueTerms): Promise<OtherTerms | undefined>;

  /**
   * Goes on moving what other programs add to a list of theirs to the tail of the queue, each element as the data of a
   * message: what it looks like is not believed.
   * Resolves when it has begun. What fails afterwards is told in the background and tried again.
   */
  feed(queue: string, source: ListSource): Promise<Feed>;

  /** Redis's time in ms, as far as it is known; this process's clock plays no part. */
  nowMs(): number;

  /**
   * Waits for what has begun, for {@link CLOSE_WITHIN_MS} or as long as it is told, and closes what was opened; what is
   * in flight then rejects. May be called twice.
   */
  close(withinMs?: number): Promise<void>;
}

/** How long, in ms, closing waits for what has begun: as long as a silent Redis is waited for. */
export const CLOSE_WITHIN_MS = 5_000;

/**
 * What is known of the caller of a stream: it listens, as far as is known; it wants no more; or it has not read its replies
 * for so long that it is gone, or cut off.
 */
export type StreamState = 'wanted' | 'refused' | 'unread';

/** As what servers served a name, now or ever. */
export interface ServedAs {
  readonly isQueue: boolean;
  /** Live handlers mean it; wildcards included. */
  readonly isHeard: boolean;
  /** Queues of the groups that want events of this name; wildcards included. */
  readonly groupQueues: readonly string[];
}

/**
 * `look`: an exchange is worth while although nothing waits. `paused`: nothing is handed out any more. A time of Redis in
 * ms: something was scheduled that is due then, before all else. Only the consumer that keeps the time is told that, or
 * all of them to look where none does.
 */
export type WakeNews = 'look' | 'paused' | number;

/** What all servers of a queue should have alike, by name. The name `by` is taken. */
export type QueueTerms = Readonly<Record<string, string>>;

/** Where the terms of another server differ. */
export interface OtherTerms {
  /** The name of its process. */
  readonly process: string;
  /** Its values, by name. */
  readonly values: ReadonlyMap<string, string>;
}

/** A list that is none of ours. */
export interface ListSource {
  readonly key: string;
  /** The end that is taken from. */
  readonly from: 'LEFT' | 'RIGHT';
}

export interface Feed {
  /** Moves nothing more. May be called twice. Never rejects. */
  stop(): Promise<void>;
}

export interface PushTerms {
  /** Redis time in ms before which nobody gets the message. */
  readonly dueMs?: number | undefined;
  /** For so long, in ms, a further message with the same id is not added. */
  readonly deduplicateMs?: number | undefined;
}

export interface PublishTerms {
  /** For so long, in ms, a further event with the same id is given to nobody. */
  readonly deduplicateMs?: number | undefined;
}

/** What publishing came to. */
export interface Published {
  /** How many groups got a copy. */
  readonly groups: number;
  /** How many connections listened. */
  readonly listeners: number;
  /** An event of this id was published within its window: nobody got this one, and both counts are 0. */
  readonly isDuplicate: boolean;
  /** Its place in the history of its pattern, where there is one; else in one of a wildcard. */
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
  /** By pattern: an event that was emitted longer ago than so many ms is not made up for. */
  readonly withinMs: ReadonlyMap<string, number>;
  /** So many events are missed for good: too old, or kept no longer. */
  onMissed(pattern: string, events: number): void;
}

/** Makes a queue that of a group's subscription, by its name. */
export interface SubscriptionTerms {
  /** Where in the history of its pattern a group begins that is new: an entry, which it gets; undefined with what comes. */
  readonly from?: string | undefined;
}

export interface LeaseTerms {
  readonly leaseMs: number;
  /** How many dead letters the queue keeps; undefined for all, as long as they may stay. */
  readonly deadLetterLimit: number | undefined;
  /** How long, in ms, it keeps them. */
  readonly deadLetterMaxAgeMs: number;
  /** How long, in ms, ids given with an ack are remembered. */
  readonly onceMs: number;
  /** Server-side bound of one {@link Lease.wait}. */
  readonly waitMs: number;
  /** The queue takes events: its group gets its copies from the time on when `join` resolves, if it did not before. */
  readonly subscription?: SubscriptionTerms | undefined;
}

/**
 * One consumer's right to the deliveries that it holds. When a verb answers `leaseLost`, the right is gone for good
 * and everything that it held belongs to others.
 */
export interface Lease {
  readonly consumer: string;

  /**
   * In one step: settles, then takes up to `take` more; with a step of a trial, what that says; with one for the
   * time, that. Not to be called again before it answered. After a rejection
   * the same settlements may be given again: each takes effect once. (An element without an id, which cannot be told
   * from another one of the same bytes, may be handed out again instead.)
   */
  exchange(
    settlements: readonly Settlement[],
    take: number,
    trial?: TrialStep,
    time?: TimeStep,
  ): Promise<Exchange | 'leaseLost'>;

  /**
   * Blocks until one element came that is no suspect, the time of `waitMs` is over, or soon after the signal fired (it may still answer
   * with an element). One at a time, beside anything else.
   */
  wait(signal: AbortSignal): Promise<Buffer | 'leaseLost' | undefined>;

  /** Whether a message with this id was acknowledged with a `onceId` within the window. */
  wasHandled(messageId: string): Promise<boolean>;

  /** The body that stands under this name beside the queue; undefined when there is none although the lease holds. */
  parkedBody(parked: string): Promise<Buffer | 'leaseLost' | undefined>;

  /** Extends the lease, and tells of other consumers of the queue which of them may be dead. */
  renew(): Promise<Renewal | 'leaseLost'>;

  /**
   * Makes suspects of what an ended consumer held, in order; answers how many deliveries. It leaves a consumer alone whose
   * lease ends at another time than was seen. What a late command took for one that has none any more was never begun, and
   * goes back as it is.
   */
  reclaim(consumer: string, seenEndMs?: number): Promise<number>;

  /**
   * Which of these fenced consumers hold something, by a late command: it is there to be reclaimed. Forgets those of
   * which no command can come any more.
   */
  findLateTakes(fenced: readonly string[]): Promise<readonly string[]>;

  /** Gives back whatever this lease still holds, unharmed, and ends it. Right also after the lease was lost. */
  leave(): Promise<void>;
}

export interface Exchange {
  readonly taken: readonly Buffer[];
  /** Settlements that found nothing: settled by an earlier call whose answer was lost, or removed by hand. */
  readonly missing: number;
  /** More may wait than was taken: that was large. */
  readonly isCut: boolean;
  readonly suspects: Suspects;
  /** The queue is paused: nothing is handed out. */
  readonly isPaused: boolean;
  /** Time in ms until the next delayed message is due; undefined when there is none that could go on then. */
  readonly dueInMs: number | undefined;
  /** After a `keep`: it is this lease that keeps the time. */
  readonly isTimekeeper: boolean;
}

/**
 * A trial is the time in which one consumer of the queue has the right to run its suspects, and is given nothing else. A
 * step of it: `claim` the right, which is given if nobody has it and there are suspects; `claimIfEmpty` only where the
 * lease holds nothing; `keep` it; take the `next` suspect, which ends the right where there is none; `yield` the right. It
 * also ends with the lease.
 */
export type TrialStep = 'claim' | 'claimIfEmpty' | 'keep' | 'next' | 'yield';

/**
 * One consumer of a queue at a time keeps its time: it sees to it that what is due is handed out, by whichever consumer.
 * `keep` it from now on, unless another one does, until the lease ends; or `yield` it, and have the others woken.
 */
export type TimeStep = 'keep' | 'yield';

/** Whether suspects wait, and whose right it is to run them: nobody's (`free`), this lease's, or that of another one. */
export type Suspects = 'none' | 'free' | 'mine' | 'others';

export interface Renewal {
  /** Redis's time. */
  readonly nowMs: number;
  /**
   * Leases that do not end when that of a healthy consumer with a lease of this length does: those that are over or soon
   * will be, and those that end later than one that was renewed just now.
   */
  readonly doubtful: readonly SeenLease[];
  /**
   * Consumers that lost their lease, to be looked at with {@link Lease.findLateTakes}: a late command of theirs may still
   * have taken something. Each is named in turn, to one lease of the queue, about once in a third of a lease.
   */
  readonly fenced: readonly string[];
  /** So many dead letters were dropped, by whomever, of which no lease was told before; absent for none. */
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

/** An outcome in the form in which it is applied. `element` is always the bytes that were taken. */
export type Settlement =
  /** With a `onceId`, the id is remembered for the time of `onceMs`. A parked body goes with it. */
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
