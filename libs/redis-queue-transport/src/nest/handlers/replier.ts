import type { Broker, StreamState } from '../../core/broker/broker.js';
import type { OutgoingBody } from '../../core/body/body.js';
import type { Envelope, ReplyAddress } from '../../core/message/envelope.js';
import { RedisQueueError, messageOf } from '../../core/errors/errors.js';
import { encodeJson } from '../../core/body/json.js';
import { encodeReply } from '../../core/message/reply.js';
import type { PacketCodec, ReplyPacket } from '../packets/packet-codec.js';

/** For the caller of a stream that read nothing for too long. */
const NOT_READ = {
  status: 'error',
  code: 'CALLER_GONE',
  message: 'The stream was ended, as its values had not been read for 30 s.',
} as const;

/** Beyond the time that a caller waits for a reply: for the way there, and for timers. */
const GRACE_MS = 1_000;

/** What Node's timers can take. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Answers one request. As with the stock transports, the end travels with the last value when it is known in time,
 * else by itself, and an `undefined` as the only or last value completes without a value.
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
   * Calls once it is known that the caller wants no more values: it said so, or there was no value for longer than it
   * waits for one, and so it has given up, whether or not it lives. For replies that are to go on, until {@link end}.
   */
  whenUnwanted(onUnwanted: () => void): void {
    this.#onUnwanted = onUnwanted;
    const { sentAtMs = NaN, expiresAtMs = NaN } = this.request;
    const waitMs = this.address.waitMs ?? expiresAtMs - sentAtMs;
    if (Number.isNaN(waitMs)) return;
    // Whole seconds: timers of one length cost least.
    const seconds = Math.ceil((waitMs + GRACE_MS) / 1_000);
    const patienceMs = Math.min(LONGEST_TIMER_MS, Math.max(1, seconds) * 1_000);
    this.#silence = setTimeout(onUnwanted, patienceMs);
  }

  /** Nothing follows. */
  end(): void {
    clearTimeout(this.#silence);
  }

  /** Resolves when what was sent has been written; undefined where nothing has to be waited for. */
  get written(): Promise<unknown> | undefined {
    return this.broker.repliesWritten(this.address.list, this.address.request);
  }

  readonly #goOn = (state: StreamState): void => {
    if (state === 'wanted' || this.#onUnwanted === undefined) return;
    const onUnwanted = this.#onUnwanted;
    this.#onUnwanted = undefined;
    // Should it only have been cut off, it learns why no value comes any more.
    if (state === 'unread') this.fail(NOT_READ);
    onUnwanted();
  };

  /** One value of several. It is read now: a handler may change it for the next one. */
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
      // Without the serializer, and of nothing but text: this can always be written, so the caller always hears.
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

/** A reply's body, and what it is. */
interface Written {
  readonly kind: 'value' | 'error';
  /** Nothing can follow it. */
  readonly isEnd: boolean;
  readonly body: OutgoingBody;
}

/** An error as the caller sees it. Nest's filters make plain objects; JSON would make `{}` of an Error. */
function describeError(error: unknown): unknown {
  if (error instanceof Error) return { ...error, status: 'error', message: messageOf(error) };
  // Nest's client takes a reply whose error is falsy for one without an error.
  if (!error) return { status: 'error', message: 'Internal server error' };
  return error;
}

function describeUnwritable(error: unknown): object {
  const code = error instanceof RedisQueueError ? { code: error.code } : {};
  return { ...code, status: 'error', message: messageOf(error) };
}

/** What can be told of an error that cannot be written as it is, such as one with a circle: its message. */
function tellable(error: unknown): object | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const message: unknown = Reflect.get(error, 'message');
  return typeof message === 'string' ? { status: 'error', message } : undefined;
}
