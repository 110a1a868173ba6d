import type { Broker } from '../core/broker.js';
import type { OutgoingBody } from '../core/body.js';
import type { Envelope, ReplyAddress } from '../core/envelope.js';
import { RedisQueueError, messageOf } from '../core/errors.js';
import { encodeJson } from '../core/json.js';
import { encodeReply } from '../core/reply.js';
import type { PacketCodec, ReplyPacket } from './packet-codec.js';

type Value = { readonly value: unknown };

/**
 * Answers one request. As with the stock transports, the end travels with the last value when it is known in time,
 * else by itself, and an `undefined` as the only or last value completes without a value.
 */
export class Replier {
  #pending: Value[] = [];

  constructor(
    private readonly broker: Broker,
    private readonly codec: PacketCodec,
    private readonly address: ReplyAddress,
    private readonly request: Envelope,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** One value of several. */
  next(value: unknown): void {
    if (this.#pending.length === 0) process.nextTick(() => this.#flush());
    this.#pending.push({ value });
  }

  /** No further value. */
  complete(): void {
    const last = this.#pending.pop();
    this.#flush();
    this.#write({ response: last?.value, isDisposed: true });
  }

  /** The only value. */
  only(value: unknown): void {
    this.#write({ response: value, isDisposed: true });
  }

  fail(error: unknown): void {
    this.#flush();
    this.#write({ err: describeError(error), isDisposed: true });
  }

  /** Once the caller's time is over, nobody takes the values of a stream that goes on. */
  #flush(): void {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    const { expiresAtMs } = this.request;
    if (expiresAtMs !== undefined && expiresAtMs < this.broker.nowMs()) return;
    for (const { value } of pending) this.#write({ response: value });
  }

  #write(packet: ReplyPacket): void {
    const kind = packet.err === undefined ? 'value' : 'error';
    let body;
    try {
      const { id = '', encoding } = this.request;
      body = this.codec.encodeReply(packet, id, encoding);
    } catch (error) {
      this.onError(error);
      // Without the serializer, and of nothing but text: this can always be written, so the caller always hears.
      const code = error instanceof RedisQueueError ? { code: error.code } : {};
      const description = { ...code, status: 'error', message: messageOf(error) };
      return this.#send('error', true, encodeJson(description));
    }
    this.#send(kind, packet.isDisposed === true, body);
  }

  #send(kind: 'value' | 'error', last: boolean, body: OutgoingBody): void {
    const { list, request } = this.address;
    this.broker.reply(list, encodeReply({ request, kind, last, body })).catch(this.onError);
  }
}

/** An error as the caller sees it. Nest's filters make plain objects; JSON would make `{}` of an Error. */
function describeError(error: unknown): unknown {
  if (error instanceof Error) return { ...error, status: 'error', message: messageOf(error) };
  // Nest's client takes a reply whose error is falsy for one without an error.
  if (!error) return { status: 'error', message: 'Internal server error' };
  return error;
}
