import type { Broker, StreamState } from '../../core/broker/broker.js';
import type { Element } from '../../core/message/envelope.js';
import { LARGE_REPLY_BYTES } from '../../core/requests/reply-bounds.js';
import { UnreadLists } from '../../core/requests/unread-lists.js';
import type { SeenList } from '../../core/requests/unread-lists.js';
import type { Surroundings } from '../process/surroundings.js';
import { ReplyInbox } from './reply-inbox.js';
import { isReplyList, replyListOf } from './reply-list.js';
import { ReplyOutbox } from './reply-outbox.js';

type ReplyVerbs =
  'reply' | 'replyAndGoOn' | 'repliesWritten' | 'refuseReplies' | 'isReplyList' | 'receiveReplies';

/** What a call saw of a caller's list before it added to it. */
interface SeenCaller extends SeenList {
  readonly isRefused: boolean;
}

/** The replies of one process: those that it sends, and those that it gets. */
export class MemoryReplies implements Pick<Broker, ReplyVerbs> {
  readonly #outbox: ReplyOutbox;
  readonly #unread: UnreadLists;
  /** The last reply to each request for which large replies are being sent, by list and number. */
  readonly #underWay = new Map<string, Promise<unknown>>();
  /** The list of this process. */
  readonly #list: string;
  #inbox: ReplyInbox | undefined;

  constructor(private readonly at: Surroundings) {
    const { contact, options } = at;
    this.#outbox = new ReplyOutbox(contact);
    this.#unread = new UnreadLists(() => options.runtime.now());
    this.#list = replyListOf(options.prefix, options.process);
  }

  get isBusy(): boolean {
    return this.#outbox.isWaiting || this.#underWay.size > 0;
  }

  reply(list: string, element: Element, request: number): Promise<unknown> {
    return this.#send(list, Buffer.from(element), request);
  }

  async replyAndGoOn(list: string, element: Element, request: number): Promise<StreamState> {
    const seen = await this.#send(list, Buffer.from(element), request);
    const isUnread = this.#unread.isUnread(list, seen, 1);
    if (seen.isRefused) return 'refused';
    return isUnread ? 'unread' : 'wanted';
  }

  repliesWritten(list: string, request: number): Promise<unknown> | undefined {
    return this.#underWay.get(keyOf(list, request))?.catch(noop);
  }

  async refuseReplies(requests: readonly number[]): Promise<void> {
    const { contact, space, store } = this.at;
    await contact.call('refuse further replies', () =>
      space.replies(this.#list).refuse(store.clock.nowMs(), requests),
    );
  }

  isReplyList(list: string): boolean {
    return isReplyList(this.at.options.prefix, list);
  }

  async receiveReplies(onReply: (element: Buffer) => void): Promise<string> {
    await this.at.connect();
    this.#inbox = new ReplyInbox(this.at, this.at.space.replies(this.#list), onReply);
    this.#inbox.start();
    return this.#list;
  }

  stop(): void {
    this.#inbox?.stop();
  }

  #send(list: string, element: Buffer, request: number): Promise<SeenCaller> {
    const isLarge = element.length > LARGE_REPLY_BYTES;
    const key = keyOf(list, request);
    const before = this.#underWay.get(key);
    if (!isLarge && before === undefined) return this.#add(list, element, request, undefined);
    const sent = this.#sendInTurn(before, list, element, request, isLarge);
    this.#underWay.set(key, sent);
    const forget = (): void => {
      if (this.#underWay.get(key) === sent) this.#underWay.delete(key);
    };
    sent.then(forget, forget);
    return sent;
  }

  /** A large one is put aside first, so that other replies need not wait for it. */
  async #sendInTurn(
    before: Promise<unknown> | undefined,
    list: string,
    element: Buffer,
    request: number,
    isLarge: boolean,
  ): Promise<SeenCaller> {
    await before?.catch(noop);
    const name = isLarge ? await this.#putAside(list, element) : undefined;
    return this.#add(list, element, request, name);
  }

  /** Returns its name. If that fails, the reply is sent anyway. */
  async #putAside(list: string, element: Buffer): Promise<string> {
    const { contact, names, space, store } = this.at;
    const name = names.newBodyName();
    await contact
      .call('park a reply', () => space.replies(list).putAside(store.clock.nowMs(), name, element))
      .catch(noop);
    return name;
  }

  #add(
    list: string,
    element: Buffer,
    request: number,
    aside: string | undefined,
  ): Promise<SeenCaller> {
    const { space, store } = this.at;
    return this.#outbox.send(() => {
      const replies = space.replies(list);
      if (aside !== undefined) replies.dropAside(aside);
      const seen = replies.add(store.clock.nowMs(), element);
      return { ...seen, isRefused: replies.isRefused(request) };
    });
  }
}

const noop = (): void => undefined;

function keyOf(list: string, request: number): string {
  return `${request} ${list}`;
}
