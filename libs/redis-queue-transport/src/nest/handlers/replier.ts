import type { Broker, StreamState } from '../../core/broker/broker.js';
import type { OutgoingBody } from '../../core/body/body.js';
import type { Envelope, ReplyAddress } from '../../core/message/envelope.js';
import { RedisQueueError } from '../../core/errors/redis-queue-error.js';
import { messageOf } from '../../core/errors/message-of.js';
import { encodeJson } from '../../core/body/json.js';
import { encodeReply } from '../../core/message/reply.js';
import type { PacketCodec, ReplyPacket } from '../packets/packet-codec.js';

/** The error for the caller of a stream that has read nothing for too long. */
const NOT_READ = {
  status: 'error',
  code: 'CALLER_GONE',
  message: 'The stream was ended because its values had not been read for 30 s.',
} as const;

/** Added to the time that a caller waits for a reply, for the network and for timers. */
const GRACE_MS = 1_000;

/** The longest delay that Node's timers support. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Sends the replies to one request. As with Nest's own transports, the end is sent with the last value if it is known
 * in time, otherwise by itself, and `undefined` as the only or last value completes without a value.
 */
export class Replier {
  #pending: Written[] = [];
  #onUnwanted: (() => void) | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(
    private readonly broker: Broker,
    private readonly codec: PacketCodec,
    private readonly address: ReplyAddress,
    private readonly request: Envelope,
    private readonly onError: (error: unknown) => void,
  ) {}

  /**
   * Calls back once the caller is known to want no more values: it said so, or no value was sent for longer than it
   * waits, so it has given up or is dead. For streams, until {@link end}.
   */
  whenUnwanted(onUnwanted: () => void): void {
    this.#onUnwanted = onUnwanted;
    const { sentAtMs = NaN, expiresAtMs = NaN } = this.request;
    const waitMs = this.address.waitMs ?? expiresAtMs - sentAtMs;
    if (Number.isNaN(waitMs)) return;
    // Whole seconds, since timers of equal length cost least.
    const seconds = Math.ceil((waitMs + GRACE_MS) / 1_000);
    const patienceMs = Math.min(LONGEST_TIMER_MS, Math.max(1, seconds) * 1_000);
    this.#silence = setTimeout(onUnwanted, patienceMs);
  }

  /** Nothing follows. */
  end(): void {
    clearTimeout(this.#silence);
  }

  /** Resolves when the replies have been written; undefined if there is nothing to wait for. */
  get written(): Promise<unknown> | undefined {
    return this.broker.repliesWritten(this.address.list, this.address.request);
  }

  readonly #goOn = (state: StreamState): void => {
    if (state === 'wanted' || this.#onUnwanted === undefined) return;
    const onUnwanted = this.#onUnwanted;
    this.#onUnwanted = undefined;
    // If the caller was only disconnected, it learns why no more values arrive.
    if (state === 'unread') this.fail(NOT_READ);
    onUnwanted();
  };

  /** One of several values. Encoded now, since the handler may change the object for the next one. */
  next(value: unknown): void {
    this.#silence?.refresh();
    if (this.#pending.length === 0) process.nextTick(() => this.#flush());
    this.#pending.push(this.#written({ response: value }));
  }

  /** No further value. */
  complete(): void {
    this.end();
    const last = this.#pending.pop() ?? this.#written({ response: undefined, isDisposed: true });
    this.#flush();
    this.#send(last, true);
  }

  /** The only value. */
  only(value: unknown): void {
    this.#send(this.#written({ response: value, isDisposed: true }), true);
  }

  fail(error: unknown): void {
    this.end();
    this.#flush();
    this.#send(this.#written({ err: describeError(error), isDisposed: true }), true);
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const written of pending) this.#send(written, false);
  }

  #written(packet: ReplyPacket): Written {
    try {
      const { id = '', encoding } = this.request;
      const body = this.codec.encodeReply(packet, id, encoding);
      return { kind: packet.err === undefined ? 'value' : 'error', isEnd: false, body };
    } catch (error) {
      this.onError(error);
      // Without the serializer, and only text: this can always be written, so the caller always gets a reply.
      const description = tellable(packet.err) ?? describeUnwritable(error);
      return { kind: 'error', isEnd: true, body: encodeJson(description) };
    }
  }

  #send({ kind, isEnd, body }: Written, isLast: boolean): void {
    const { list, request } = this.address;
    const last = isLast || isEnd;
    const element = encodeReply({ request, kind, last, body });
    if (last) this.broker.reply(list, element, request).catch(this.onError);
    else this.broker.replyAndGoOn(list, element, request).then(this.#goOn, this.onError);
  }
}

/** A reply's body and kind. */
interface Written {
  readonly kind: 'value' | 'error';
  /** It is the last reply. */
  readonly isEnd: boolean;
  readonly body: OutgoingBody;
}

/** An error as the caller sees it. Nest's filters make plain objects; JSON would make `{}` of an Error. */
function describeError(error: unknown): unknown {
  if (error instanceof Error) return { ...error, status: 'error', message: messageOf(error) };
  // Nest's client treats a reply with a falsy error as a reply without one.
  if (!error) return { status: 'error', message: 'Internal server error' };
  return error;
}

function describeUnwritable(error: unknown): object {
  const code = error instanceof RedisQueueError ? { code: error.code } : {};
  return { ...code, status: 'error', message: messageOf(error) };
}

/** The reply for an error that cannot be encoded, such as one with a circular reference: only its message. */
function tellable(error: unknown): object | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const message: unknown = Reflect.get(error, 'message');
  return typeof message === 'string' ? { status: 'error', message } : undefined;
}
