import { parkedElement } from '../../core/message/envelope.js';
import type { Element } from '../../core/message/envelope.js';
import { OutcomeUnknownError } from '../../core/errors/call-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import { encodeJson } from '../../core/body/json.js';
import { encodeReply } from '../../core/message/reply.js';
import { KEEP_REPLIES_MS, LARGE_REPLY_BYTES } from '../../core/requests/reply-bounds.js';
import { newBodyName } from '../queue/body-name.js';
import type { Connection } from '../connection/connection.js';
import type { Keys } from '../keys/keys.js';
import type { CallerNews, ReplyBatch } from './reply-batch.js';
import { hintOfLong, refusalOfLong } from '../connection/value-bound.js';
import { isLarger } from '../queue/size.js';

/**
 * Sends replies. The body of a large one is parked beside the caller's list, over the connection for bodies, so that other
 * replies, renewals and settlements need not wait for it; replies to the same request do. If parking fails, the reply is
 * sent whole.
 */
export class ParkingReplies {
  /** The last reply to each request, by list and number, for which large replies are being sent. */
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(
    private readonly replies: ReplyBatch,
    private readonly bodies: () => Connection,
    private readonly keys: Keys,
  ) {}

  /** Resolves with what is then known about the caller; with `goesOn` this is one of several replies. */
  add(list: string, element: Element, request: number, goesOn: boolean): Promise<CallerNews> {
    const stream = goesOn ? request : undefined;
    const isLarge = isLarger(element, LARGE_REPLY_BYTES);
    if (!isLarge && this.#underWay.size === 0) return this.replies.add(list, element, stream);
    const key = keyOf(list, request);
    const before = this.#underWay.get(key);
    if (!isLarge && before === undefined) return this.replies.add(list, element, stream);
    const sent = this.#send(before, list, element, isLarge, request, stream);
    this.#underWay.set(key, sent);
    const forget = (): void => {
      if (this.#underWay.get(key) === sent) this.#underWay.delete(key);
    };
    sent.then(forget, forget);
    return sent;
  }

  /** Resolves when all replies so far have been written or have failed; undefined if nothing large is being sent. */
  written(list: string, request: number): Promise<unknown> | undefined {
    if (this.#underWay.size === 0) return undefined;
    return this.#underWay.get(keyOf(list, request))?.catch(noop);
  }

  get isBusy(): boolean {
    return this.#underWay.size > 0;
  }

  async #send(
    before: Promise<unknown> | undefined,
    list: string,
    element: Element,
    isLarge: boolean,
    request: number,
    stream: number | undefined,
  ): Promise<CallerNews> {
    if (before !== undefined) await before.catch(noop);
    const sent = isLarge ? await this.#park(list, element, request) : element;
    return this.replies.add(list, sent, stream);
  }

  /** Never rejects: if it cannot be parked, what is sent in its place tells why, if that matters. */
  async #park(list: string, whole: Element, request: number): Promise<Element> {
    const name = newBodyName();
    const { element, body } = parkedElement(whole, name);
    const key = this.keys.parkedReply(list, name);
    const bodies = this.bodies();
    try {
      await bodies.ready();
      const refusal = await refusalOfLong(bodies, whole, PARK);
      if (refusal !== undefined) return errorReply(request, refusal.message);
      await bodies.run(PARK, (client) => client.set(key, body, 'PX', KEEP_REPLIES_MS));
      return element;
    } catch (error) {
      // Sent whole, it might also break the other calls on the connection for commands.
      const suspicion = error instanceof OutcomeUnknownError ? hintOfLong(whole) : '';
      return suspicion === '' ? whole : errorReply(request, messageOf(error) + suspicion);
    }
  }
}

const PARK = 'park a reply';

function errorReply(request: number, message: string): Element {
  const body = encodeJson({ status: 'error', message });
  return encodeReply({ request, kind: 'error', last: true, body });
}

const noop = (): void => undefined;

function keyOf(list: string, request: number): string {
  return `${request} ${list}`;
}
