import { isWildcard } from '../../core/events/event-patterns.js';
import { GROUP_MARK, assertNamesQueue, subscriptionOf } from '../../core/message/queue-name.js';

const END_OF_REPLIES = '}:replies';
/** Names of clients have no braces: a name with one could reach into the keys of a queue. */
const BRACE = /[{}]/;

/**
 * Every key and channel that the library touches. The keys of one queue carry its name as their hash tag, so that a
 * cluster keeps them together. Those of a group's queue carry the pattern, and the group behind it: so all groups of one
 * pattern are together, with its history.
 */
export class Keys {
  /** The beginning of channel names: Redis delivers what is published in one database to listeners in all. */
  readonly #channels: string;
  /** The last reply list that was checked. */
  #lastReplies: string | undefined;

  constructor(
    private readonly prefix: string,
    /** The database number: keys belong to a database, channels do not. */
    database = 0,
  ) {
    this.#channels = database === 0 ? prefix : `${prefix}:db${database}`;
  }

  queue(queue: string): QueueKeys {
    assertNamesQueue(queue);
    const place = placeOf(queue);
    const base = `${this.prefix}:${place}`;
    return {
      waiting: `${base}:waiting`,
      unkeyed: `${base}:unkeyed`,
      suspects: `${base}:suspects`,
      roles: `${base}:roles`,
      dead: `${base}:dead`,
      consumers: `${base}:consumers`,
      fenced: `${base}:fenced`,
      sleepers: `${base}:sleepers`,
      delayed: `${base}:delayed`,
      ids: `${base}:ids`,
      handled: `${base}:handled`,
      parked: `${base}:parked`,
      paused: `${base}:paused`,
      rate: `${base}:rate`,
      slowed: `${base}:slowed`,
      wake: `${this.#channels}:${place}:wake`,
      wakeOf: (process) => `${this.#channels}:${place}:wake:${process}`,
      counts: `${base}:counts`,
      terms: `${base}:terms`,
      levels: `${base}:levels`,
      level: (priority) => `${base}:levels:${priority}`,
      lanes: `${base}:lanes`,
      lane: (key) => `${base}:lanes:${key}`,
      resting: `${base}:resting`,
      pace: (key) => `${base}:resting:${key}`,
      cursor: `${base}:cursor`,
      fed: `${base}:fed`,
      processing: (consumer) => `${base}:processing:${consumer}`,
    };
  }

  /** Hash: every queue that was ever sent to or served, for people and tools. */
  get queues(): string {
    return `${this.prefix}:queues`;
  }

  replies(client: string): string {
    return `${this.prefix}:{reply:${client}}:replies`;
  }

  /** Hash beside a list of replies: the requests for which its caller wants no more replies. */
  refusedOf(replies: string): string {
    return replies.slice(0, -END_OF_REPLIES.length) + '}:refused';
  }

  /** Text beside a list of replies: how many values of streams were added to it, counted while its caller is suspected. */
  addedTo(replies: string): string {
    return replies.slice(0, -END_OF_REPLIES.length) + '}:added';
  }

  /** Text: the body of a large reply, beside a list of replies. */
  parkedReply(replies: string, name: string): string {
    return replies.slice(0, -END_OF_REPLIES.length) + `}:parked:${name}`;
  }

  /** Whether {@link replies} could have made this name. No other key of the prefix looks like it. */
  isReplies(key: string): boolean {
    // Often several requests in a row have the same caller.
    if (key === this.#lastReplies) return true;
    const start = `${this.prefix}:{reply:`;
    if (!key.startsWith(start) || !key.endsWith(END_OF_REPLIES)) return false;
    const client = key.slice(start.length, -END_OF_REPLIES.length);
    if (client === '' || BRACE.test(client)) return false;
    this.#lastReplies = key;
    return true;
  }

  /** A list of another program, with the name that the program gave it. */
  foreign(key: string): string {
    return key;
  }

  event(pattern: string): string {
    return `${this.#channels}:event:${pattern}`;
  }

  /**
   * Hash: who wants which events, for people and tools. A field for each subscription (its queue's name), for each pattern with
   * live listeners, and for each history.
   */
  get groups(): string {
    return `${this.prefix}:groups`;
  }

  /** Where emitters find who wants a pattern: its own index, or that of all wildcards. */
  index(pattern: string): IndexKeys {
    const { wildcards } = this;
    if (isWildcard(pattern)) return wildcards;
    assertNamesQueue(pattern);
    return { ...wildcards, index: `${this.prefix}:{${pattern}}:groups` };
  }

  get wildcards(): IndexKeys {
    const index = `${this.prefix}:{wildcards}`;
    return { index, changes: `${index}:changes` };
  }

  /** Sorted set: ids of events that must not be emitted again, by the Redis time in ms at which that ends. */
  emitted(pattern: string): string {
    return `${this.prefix}:{${pattern}}:emitted`;
  }

  history(pattern: string): HistoryKeys {
    assertNamesQueue(pattern);
    const base = `${this.prefix}:{${pattern}}:history`;
    return { history: base, historyCount: `${base}:count` };
  }

  /** Channel: the events of a history with their places in it, for listeners that recover missed ones. */
  told(pattern: string): string {
    return `${this.#channels}:history:${pattern}`;
  }
}

/** What the names of a queue's keys have in common: `{mail.send}`, and `{order.placed}@billing` for a group's queue. */
function placeOf(queue: string): string {
  const subscription = subscriptionOf(queue);
  if (subscription === undefined) return `{${queue}}`;
  return `{${subscription.pattern}}${GROUP_MARK}${subscription.group}`;
}

export interface IndexKeys {
  /**
   * Hash: a field for each subscription (its queue's name), for each wildcard with live listeners, for each history, and
   * `version`, which every change raises.
   */
  readonly index: string;
  /** Stream: the fields of the index of wildcards that have changed, the last ones. */
  readonly changes: string;
}

export interface HistoryKeys {
  /** Stream: the last events, each an entry with its number `n` and the `element`; capped by count and by age. */
  readonly history: string;
  /** Text: how many events the history has ever had. */
  readonly historyCount: string;
}

export interface QueueKeys {
  /** List: messages that nobody holds; taken at the head (left), added at the tail (right). */
  readonly waiting: string;
  /** List: messages of a group that wait until one of its consumers has read their keys; the oldest at the left. */
  readonly unkeyed: string;
  /** List: messages that were running when a process died; run by one consumer at a time, apart from the others. */
  readonly suspects: string;
  /**
   * Hash: which consumer has a role for all of them. `trial`: runs the suspects; `timekeeper`: releases what is due, and
   * is told about earlier due times; `keyReader`: reads the keys of what is in `unkeyed`. And `offered`: the beginning of
   * a due message that was moved to `waiting` for other consumers; `dueLast`: due messages may be left in `waiting`,
   * which others would pass at its head; `readsKeys:CONSUMER` for each that can read keys; `keyReading`: what the reader is reading.
   */
  readonly roles: string;
  /** Sorted set: messages that are not due yet, by their due time in Redis ms. */
  readonly delayed: string;
  /** Stream: dead letters, each an entry with one field `element`; capped by count and by age. */
  readonly dead: string;
  /** Sorted set: consumers by the Redis time in ms at which their lease ends. */
  readonly consumers: string;
  /** Sorted set: consumers whose lease ended, by the time until which a late command of theirs is looked for. */
  readonly fenced: string;
  /**
   * Hash: how many messages `expired`, were `repeated`, how many dead letters were dropped by the caps, how many copies of
   * events because the list was full, and how many bodies were ever parked.
   */
  readonly counts: string;
  /** Hash: the terms by which the queue is served, and `by`, the process that recorded them last. */
  readonly terms: string;
  /**
   * Hash: the priorities (but the usual one) of which messages may wait, and `turn`, which counts what was taken while
   * several had some. Absent while none waits.
   */
  readonly levels: string;
  /** List: the waiting messages of one priority; taken and added like those in `waiting`, which has the usual one. */
  readonly level: (priority: number) => string;
  /**
   * Hash: for each key, how many of its messages are out: in `waiting`, held, suspects, or delayed for a retry. And under
   * a name that is no key, how many messages are in lanes.
   */
  readonly lanes: string;
  /** List: the messages of one key (as it is written) that wait for earlier ones of the same key. */
  readonly lane: (key: string) => string;
  /**
   * Sorted set: keys of which nothing more goes on for now, by the Redis time in ms at which that ends, or infinity; and
   * behind a colon, by the negative time at which it began.
   */
  readonly resting: string;
  /** Text: when the next message of this key would go on if all went at the pace of its rate, in µs. Vanishes then. */
  readonly pace: (key: string) => string;
  /** Text: how far into the history a new group has been filled. Removed once the group gets copies by itself. */
  readonly cursor: string;
  /** List: what a wait took from a list of another program, on its way to `waiting`. Not trusted. */
  readonly fed: string;
  /** Sorted set: consumers that sleep until they are told of messages, in the order in which they fell asleep. */
  readonly sleepers: string;
  /** Sorted set: ids that producers must not add again, by the Redis time in ms at which that ends. */
  readonly ids: string;
  /** Sorted set: ids that handlers must not get again, by the Redis time in ms at which that ends. */
  readonly handled: string;
  /** Hash: bodies that are too large for a list, by the number in their element's header. */
  readonly parked: string;
  /** Exists while the queue is paused. */
  readonly paused: string;
  /** Text: when the next message would come if all came at the pace of the queue's limit, in µs of Redis's time. */
  readonly rate: string;
  /** Text: for how many ms the queue was slowed down; vanishes then. Nothing is taken while it exists. */
  readonly slowed: string;
  /** Channel: tells consumers that an exchange is worthwhile. */
  readonly wake: string;
  /** Channel: the same for the consumer of one process. */
  readonly wakeOf: (process: string) => string;
  /** List: what one live consumer holds, oldest first. The only record of what is in flight. */
  readonly processing: (consumer: string) => string;
}
