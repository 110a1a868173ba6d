import type { Element } from '../../core/message/envelope.js';
import {
  KEEP_REPLIES_MS,
  MOST_WAITING_REPLIES,
  REPLY_PATIENCE_MS,
} from '../../core/requests/reply-bounds.js';
import { UnreadLists } from '../../core/requests/unread-lists.js';
import type { Connection } from '../connection/connection.js';
import { divided } from '../script/divided.js';
import type { PartBounds } from '../script/divided.js';
import type { Keys } from '../keys/keys.js';
import { reply } from './reply.script.js';
import type { StreamNews } from './reply.script.js';

/** What is known about a caller after writing replies to it. */
export interface CallerNews {
  /** Numbers of its requests for which it wants no more replies. */
  readonly refused: readonly number[];
  /** It has read nothing for so long that it must be dead or cut off. Only checked while there are streams. */
  readonly isUnread: boolean;
}

/** The replies to one caller. They share one promise: one for each would be as much work as the reply itself. */
interface Replies {
  readonly elements: Element[];
  /** Requests that will get further replies. */
  streams: number[] | undefined;
  readonly sent: Promise<CallerNews>;
  readonly resolve: (news: CallerNews) => void;
  readonly reject: (error: unknown) => void;
}

const NO_NEWS: CallerNews = { refused: [], isUnread: false };

/** Roughly the most bytes of replies that wait for Redis: a handler may return an endless stream. */
const MOST_WAITING_BYTES = 67_108_864;

/**
 * Sends the replies of one turn of the event loop together: one call for each caller. Without a connection they wait for
 * it, in order: the handler's work is done, and its caller wants to know.
 */
export class ReplyBatch {
  #byList = new Map<string, Replies>();
  #waiting = 0;
  #waitingBytes = 0;
  #waitsForRedis = false;
  readonly #unread = new UnreadLists(() => performance.now());

  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
  ) {}

  /** Replies wait for the connection to Redis. */
  get isWaiting(): boolean {
    return this.#waitsForRedis;
  }

  /** Resolves with what the call has learnt about the caller. */
  add(list: string, element: Element, stream?: number): Promise<CallerNews> {
    if (this.#waitsForRedis && !this.#hasRoomFor(element))
      return this.#send(list, [element], stream === undefined ? undefined : [stream]);
    let replies = this.#byList.get(list);
    if (replies === undefined) {
      if (this.#byList.size === 0) process.nextTick(() => this.flush());
      replies = newReplies();
      this.#byList.set(list, replies);
    }
    replies.elements.push(element);
    if (stream !== undefined && replies.streams?.at(-1) !== stream)
      (replies.streams ??= []).push(stream);
    return replies.sent;
  }

  #hasRoomFor(element: Element): boolean {
    if (this.#waiting >= MOST_WAITING_REPLIES || this.#waitingBytes >= MOST_WAITING_BYTES)
      return false;
    this.#waiting += 1;
    this.#waitingBytes += element.length;
    return true;
  }

  /** Sends what was gathered so far, if there is a connection. */
  flush(): void {
    if (this.#byList.size === 0) return;
    if (this.connection.isReady) this.#sendAll();
    else void this.#sendWhenReady();
  }

  /** Also called if the connection does not become ready: then each reply fails by itself. */
  async #sendWhenReady(): Promise<void> {
    if (this.#waitsForRedis) return;
    this.#waitsForRedis = true;
    await this.connection.ready(REPLY_PATIENCE_MS).catch(noop);
    this.#waitsForRedis = false;
    this.#waiting = 0;
    this.#waitingBytes = 0;
    this.#sendAll();
  }

  #sendAll(): void {
    const byList = this.#byList;
    this.#byList = new Map();
    for (const [list, { elements, streams, resolve, reject }] of byList)
      this.#send(list, elements, streams).then(resolve, reject);
  }

  async #send(
    list: string,
    elements: readonly Element[],
    streams: readonly number[] | undefined,
  ): Promise<CallerNews> {
    const keys = {
      replies: list,
      refused: this.keys.refusedOf(list),
      added: this.keys.addedTo(list),
    };
    const looksCloser = streams !== undefined && this.#unread.wantsCloserLook(list) ? 1 : 0;
    const args = { keepMs: KEEP_REPLIES_MS, streams: streams?.join(' ') ?? '', looksCloser };
    if (isWithinBounds(elements))
      return this.#newsOf(list, await reply.run(this.connection, keys, args, elements), elements);
    // All are written in this turn, so they keep their order.
    const parts = divided(elements, BOUNDS);
    const answers = await Promise.all(
      parts.map((part) => reply.run(this.connection, keys, args, part)),
    );
    const news = answers.map((answer, index) => this.#newsOf(list, answer, parts[index] ?? []));
    return news.find(({ isUnread }) => isUnread) ?? news.at(-1) ?? NO_NEWS;
  }

  #newsOf(list: string, seen: StreamNews | undefined, added: readonly Element[]): CallerNews {
    if (seen === undefined) return NO_NEWS;
    const isUnread = this.#unread.isUnread(list, seen, added.length);
    return { refused: seen.refused, isUnread };
  }
}

const noop = (): void => undefined;

/** A handler may emit many values in one turn. */
const BOUNDS: PartBounds<Element> = {
  most: 1_000,
  mostBytes: 1_048_576,
  sizeOf: ({ length }) => length,
};

function isWithinBounds(elements: readonly Element[]): boolean {
  if (elements.length > BOUNDS.most) return false;
  return (
    elements.length === 1 ||
    elements.reduce((sum, { length }) => sum + length, 0) <= BOUNDS.mostBytes
  );
}

function newReplies(): Replies {
  let resolve!: (news: CallerNews) => void;
  let reject!: (error: unknown) => void;
  const sent = new Promise<CallerNews>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { elements: [], streams: undefined, sent, resolve, reject };
}
