import type { Element } from '../message/envelope.js';
import type { HistoryBounds } from '../events/event-index.js';
import type { Lease, LeaseTerms } from './lease.js';

/**
 * What a process needs from Redis. Every verb may reject with `RedisUnavailableError` (nothing was sent),
 * `OutcomeUnknownError` (it may have happened) or `RedisRefusedError` (Redis refused it), and with nothing else, unless
 * its comment says so. No verb hangs. Several callers may use them at once.
 */
export interface Broker {
  /** Opens the connection, or waits for it. May be called any number of times. */
  connect(): Promise<void>;

  /**
   * Puts a message at the tail of the queue, or, if it is due later, beside the queue until then. When this resolves,
   * Redis holds the message. With a deduplication window, `duplicate` means that Redis already held it and added
   * nothing.
   *
   * Rejects with `QueueFullError` if as many messages wait as the terms of the queue allow ({@link noteTerms}); nothing
   * was added then. New terms reach a broker that has pushed to the queue before within about a second.
   */
  push(
    queue: string,
    messageId: string,
    element: Element,
    terms?: PushTerms,
  ): Promise<'added' | 'duplicate'>;

  /** How many messages wait in the queue, and how many may. */
  length(queue: string): Promise<QueueLength>;

  /** Whether a server has ever joined the queue. Asks Redis; once the answer is yes, it stays yes. */
  isServed(queue: string): Promise<boolean>;

  /** How servers have ever served a name. Only for texts that people read: asking for each message is too expensive. */
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
   * reconnect. Patterns may have wildcards; the listener gets the pattern as given here. Call it once. The listener
   * must handle its own errors. Patterns with recovery terms need a history of their own: for these, the listener also
   * gets events that were emitted while the connection was down.
   */
  subscribe(
    patterns: readonly string[],
    onEvent: (pattern: string, element: Buffer) => void,
    recovery?: RecoveryTerms,
  ): Promise<void>;

  /**
   * Adds a reply to the request of this number to the caller's reply list. Replies to one request keep their order.
   * Replies and the next {@link Lease.exchange} are sent in the order of the calls, so a delivery is never settled
   * before a reply that was given here earlier is written. Large replies are the exception: see {@link repliesWritten}.
   */
  reply(list: string, element: Element, request: number): Promise<unknown>;

  /** The same for one value of a stream. */
  replyAndGoOn(list: string, element: Element, request: number): Promise<StreamState>;

  /**
   * Large replies use a connection of their own, so that nothing else waits behind them. Resolves when all large
   * replies to this request have been written or have failed; undefined if there are none. Do not settle the delivery
   * earlier.
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
   * which may still serve the queue, has recorded differently; undefined if there are none. The last record stands. If
   * Redis loses it, the next {@link join} records the terms again.
   *
   * `maxLength` is the bound of the queue: how many messages {@link push} lets wait. Delayed messages count, those that
   * consumers hold do not. A queue whose bound is no number has none.
   */
  noteTerms(queue: string, terms: QueueTerms): Promise<OtherTerms | undefined>;

  /**
   * Keeps moving what other programs add to a list of theirs to the tail of the queue. Each element becomes the data of
   * a message, even if it looks like an envelope. Resolves when it has started. Later failures are reported in the
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
 * What is known of the caller of a stream: it listens (`wanted`, the default), it wants no more (`refused`), or it has
 * not read its replies for so long that it must be dead or cut off (`unread`).
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
 * - `slowed`: a message has slowed the queue down. An exchange tells for how long yet.
 * - `keys`: messages wait for their key to be read. The lease that reads them is told, or all are.
 * - A number: something was scheduled that is due at this Redis time in ms, earlier than everything else. Only the
 *   timekeeper is told. If there is no timekeeper, all consumers are told to `look`.
 */
export type WakeNews = 'look' | 'paused' | 'slowed' | 'keys' | number;

/** How many messages wait in a queue. Those that consumers hold do not count; suspects and delayed ones do. */
export interface QueueLength {
  readonly length: number;
  /** How many may wait. Undefined if there is no bound. */
  readonly maxLength: number | undefined;
}

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
  /** Its reply will show that it was handled, so nobody waits until replicas have it. */
  readonly isRequest?: boolean;
}

/** How many replicas must have a message, and how long to wait for them. */
export interface ReplicaTerms {
  readonly count: number;
  readonly timeoutMs: number;
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
