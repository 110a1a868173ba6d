import { assertNamesQueue } from '../../core/message/queue-name.js';

const END_OF_REPLIES = '}:replies';
/** Clients have none in their names; a name with one could reach into the keys of a queue. */
const BRACE = /[{}]/;

/**
 * Every key and channel that the library touches. The keys of one queue carry its name as their hash tag, so that a
 * cluster keeps them together.
 */
export class Keys {
  /** Beginning of each channel's name: Redis tells one published in one database to listeners of all. */
  readonly #channels: string;
  /** The last reply list that was looked at. */
  #lastReplies: string | undefined;

  constructor(
    private readonly prefix: string,
    /** Its number: keys are its own, channels are not. */
    database = 0,
  ) {
    this.#channels = database === 0 ? prefix : `${prefix}:db${database}`;
  }

  queue(queue: string): QueueKeys {
    assertNamesQueue(queue);
    const base = `${this.prefix}:{${queue}}`;
    return {
      waiting: `${base}:waiting`,
      suspects: `${base}:suspects`,
      roles: `${base}:roles`,
      dead: `${base}:dead`,
      consumers: `${base}:consumers`,
      fenced: `${base}:fenced`,
      delayed: `${base}:delayed`,
      ids: `${base}:ids`,
      handled: `${base}:handled`,
      parked: `${base}:parked`,
      paused: `${base}:paused`,
      wake: `${this.#channels}:{${queue}}:wake`,
      wakeOf: (process) => `${this.#channels}:{${queue}}:wake:${process}`,
      counts: `${base}:counts`,
      terms: `${base}:terms`,
      cursor: `${base}:cursor`,
      fed: `${base}:fed`,
      processing: (consumer) => `${base}:processing:${consumer}`,
    };
  }

  /** Hash: every queue that was ever pushed to or served, for people and tools. */
  get queues(): string {
    return `${this.prefix}:queues`;
  }

  replies(client: string): string {
    return `${this.prefix}:{reply:${client}}:replies`;
  }

  /** Hash beside a list of replies: the requests of which its caller wants no more. */
  refusedOf(replies: string): string {
    return replies.slice(0, -END_OF_REPLIES.length) + '}:refused';
  }

  /** Text: the body of a large reply, beside a list of replies. */
  parkedReply(replies: string, name: string): string {
    return replies.slice(0, -END_OF_REPLIES.length) + `}:parked:${name}`;
  }

  /** Whether a key is named as {@link replies} names them, whoever says so. No other key of the prefix is. */
  isReplies(key: string): boolean {
    // Requests mostly come several from one caller.
    if (key === this.#lastReplies) return true;
    const start = `${this.prefix}:{reply:`;
    if (!key.startsWith(start) || !key.endsWith(END_OF_REPLIES)) return false;
    const client = key.slice(start.length, -END_OF_REPLIES.length);
    if (client === '' || BRACE.test(client)) return false;
    this.#lastReplies = key;
    return true;
  }

  /** A list of somebody else's: its name is theirs. */
  foreign(key: string): string {
    return key;
  }

  event(pattern: string): string {
    return `${this.#channels}:event:${pattern}`;
  }

  /**
   * Hash: who wants which events. A field for each subscription (its queue's name), for each wildcard with live
   * listeners, for each history, and `version`, which every change raises.
   */
  get groups(): string {
    return `${this.prefix}:groups`;
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

  /** Channel: the events of a history with their places in it, for listeners that make up for those they miss. */
  told(pattern: string): string {
    return `${this.#channels}:history:${pattern}`;
  }
}

export interface HistoryKeys {
  /** Stream: the last events, each an entry with its number `n` and the `element`; capped by count and by age. */
  readonly history: string;
  /** Text: how many events there ever were. */
  readonly historyCount: string;
}

export interface QueueKeys {
  /** List: what nobody holds; taken at the head (left), pushed at the tail (right). */
  readonly waiting: string;
  /** List: messages that were running when a process died; run by one consumer at a time, apart from the others. */
  readonly suspects: string;
  /**
   * Hash: which consumer does something for all of them. `trial`: runs the suspects; `timekeeper`: releases what is due,
   * and is told what is due sooner.
   */
  readonly roles: string;
  /** Sorted set: messages that are not due yet, by the Redis time in ms at which they are. */
  readonly delayed: string;
  /** Stream: dead letters, each an entry with one field `element`; capped by count and by age. */
  readonly dead: string;
  /** Sorted set: consumers by the Redis time in ms at which their lease ends. */
  readonly consumers: string;
  /** Sorted set: consumers whose lease ended, by the time until which a late command of theirs is looked for. */
  readonly fenced: string;
  /**
   * Hash: how many messages `expired`, were `repeated`, how many dead letters were dropped by the caps, and how many
   * bodies were ever parked.
   */
  readonly counts: string;
  /** Hash: by which terms the queue is served, each by its name, and `by`, the process that noted them last. */
  readonly terms: string;
  /** Text: how far into the history a new group has been filled. Gone once the group gets its copies by itself. */
  readonly cursor: string;
  /** List: what a wait took from a list of others, on its way to `waiting`; nothing of it is believed. */
  readonly fed: string;
  /** Sorted set: ids that producers must not add again, by the Redis time in ms at which that ends. */
  readonly ids: string;
  /** Sorted set: ids that handlers must not be given again, likewise. */
  readonly handled: string;
  /** Hash: bodies that are too large for a list, by the number in their element's header. */
  readonly parked: string;
  /** There while the queue is paused. */
  readonly paused: string;
  /** Channel: tells consumers that an exchange is worth while. */
  readonly wake: string;
  /** Channel: likewise for the consumer of one process. */
  readonly wakeOf: (process: string) => string;
  /** List: what one live consumer holds, oldest first. The one record of what is in flight. */
  readonly processing: (consumer: string) => string;
}
