import type { ReadPacket } from '@nestjs/microservices';
import { EncodedBody } from '../../core/body/body.js';
import type { OutgoingBody } from '../../core/body/body.js';
import type { Published, PushTerms } from '../../core/broker/broker.js';
import { encodeElement } from '../../core/message/envelope.js';
import type { Element, OutgoingEnvelope, ReplyAddress } from '../../core/message/envelope.js';
import { NobodyListensError } from '../../core/errors/call-errors.js';
import type { ObservedMessage } from '../../core/lifecycle/observer.js';
import type { MessageIds } from '../../core/message/message-id.js';
import type { EmitResult } from './call-results.js';
import type { ClientSession } from './client-session.js';
import type { PacketCodec } from '../packets/packet-codec.js';
import { NO_SETTINGS, settingsOf } from '../packets/message-settings.js';
import type { RedisQueueRecordOptions, Verb } from '../packets/message-settings.js';
import { isRecord } from '../packets/redis-queue-record.js';

/** The part of a message that only requests have. */
export type RequestTerms = Pick<OutgoingEnvelope, 'replyTo' | 'expiresAtMs'> & {
  /** How long, in ms, its caller waits for each reply. */
  readonly waitMs?: number;
};

/** The part of a session that sending needs. */
type SendingSession = Pick<ClientSession, 'broker' | 'sendAgain' | 'room'>;

/**
 * A message to be sent: its encoded body, its settings, its queue and its id. Its data is read at construction, and never
 * again.
 */
export class OutgoingMessage {
  readonly id: string;
  #options: RedisQueueRecordOptions;
  #body: OutgoingBody;
  #metadata: unknown;
  #observed: ObservedMessage | undefined;
  #many: object | undefined;

  /**
   * `given`: settings that override those of a record; `headers`: default headers.
   * @throws InvalidOptionError | UnencodableError | PayloadTooLargeError, and what a serializer throws
   */
  constructor(
    private readonly verb: Verb,
    packet: ReadPacket<unknown> & { readonly metadata?: unknown },
    readonly queue: string,
    ids: MessageIds,
    codec: PacketCodec,
    given: RedisQueueRecordOptions | undefined,
    headers: Readonly<Record<string, string>> | undefined,
  ) {
    const { data } = packet;
    const record = isRecord(data) ? data : undefined;
    // Most messages have none.
    const isPlain = record === undefined && given === undefined && headers === undefined;
    const options = isPlain ? NO_SETTINGS : settingsOf(verb, record?.options, given, headers);
    this.#options = options;
    this.id = options.id ?? ids.next();
    this.#body = codec.encodeRequest(
      packet,
      record === undefined ? data : record.data,
      this.id,
      options.codec,
    );
    this.#metadata = packet.metadata;
  }

  /** The object that observers get: the same each time, without a reference to the message. */
  get observed(): ObservedMessage {
    const { verb, queue, id } = this;
    return (this.#observed ??= { verb, queue, id, many: this.#many });
  }

  /** It is one of several that are sent together; `many` represents them for observers. */
  belongTo(many: object): void {
    this.#many = many;
  }

  /** Adds headers, which replace those of the same name. */
  addHeaders(headers: Readonly<Record<string, string>>): void {
    this.#options = { ...this.#options, headers: { ...this.#options.headers, ...headers } };
  }

  /** The rough size of the body; text is not measured. */
  get bytes(): number {
    return typeof this.#body === 'string' ? this.#body.length : this.#body.bytes.length;
  }

  get options(): RedisQueueRecordOptions {
    return this.#options;
  }

  /** Copies what shares memory with the caller, for messages that are not sent at once. Returns the message. */
  detached(): this {
    if (this.#options !== NO_SETTINGS) this.#options = copyOf(this.#options);
    // A raw codec returns the caller's own bytes.
    if (this.#body instanceof EncodedBody)
      this.#body = new EncodedBody(Buffer.from(this.#body.bytes), this.#body.encoding);
    if (this.#metadata !== undefined)
      this.#metadata = JSON.parse(JSON.stringify(this.#metadata)) as unknown; // as it will stand in the header
    return this;
  }

  /** Adds it to its queue. */
  push(
    { broker, sendAgain, room }: SendingSession,
    request: RequestTerms = NO_REQUEST,
  ): Promise<'added' | 'duplicate'> {
    const { delayMs, deliverAt, deduplicateMs, expiresInMs, waitForRoomMs } = this.options;
    const nowMs = broker.nowMs();
    const dueMs = deliverAt?.getTime() ?? (delayMs === undefined ? undefined : nowMs + delayMs);
    const expiresAtMs = earlier(
      request.expiresAtMs,
      expiresInMs === undefined ? undefined : nowMs + expiresInMs,
    );
    const element = this.#element(nowMs, replyAddressOf(request, expiresAtMs, nowMs), expiresAtMs);
    const isRequest = request.replyTo !== undefined;
    if (deduplicateMs === undefined && waitForRoomMs === undefined && dueMs === undefined)
      return broker.push(this.queue, this.id, element, isRequest ? REQUEST : undefined);
    const bytes = element.length;
    const push = (): Promise<'added' | 'duplicate'> =>
      broker.push(this.queue, this.id, element, { dueMs, deduplicateMs, isRequest });
    const send = (): Promise<'added' | 'duplicate'> =>
      deduplicateMs === undefined ? push() : sendAgain.run(this.id, bytes, deduplicateMs, push);
    if (waitForRoomMs === undefined) return send();
    const ownMs = (request.expiresAtMs ?? Infinity) + AFTER_REQUEST_MS - nowMs;
    const waitMs = Math.min(waitForRoomMs, expiresInMs ?? Infinity, ownMs);
    return room.run(`to ${this.queue}`, bytes, waitMs, send);
  }

  /** Sends it to current listeners, and a copy to each group. May reject with NobodyListensError. */
  publish({ broker, sendAgain, room }: SendingSession): Promise<EmitResult> {
    const { expiresInMs, deduplicateMs, waitForRoomMs } = this.options;
    const nowMs = broker.nowMs();
    const expiresAtMs = expiresInMs === undefined ? undefined : nowMs + expiresInMs;
    const element = this.#element(nowMs, undefined, expiresAtMs, this.queue);
    const bytes = element.length;
    const publish = (): Promise<Published> =>
      deduplicateMs === undefined
        ? broker.publish(this.queue, this.id, element)
        : sendAgain.run(this.id, bytes, deduplicateMs, () =>
            broker.publish(this.queue, this.id, element, { deduplicateMs }),
          );
    const waitMs = Math.min(waitForRoomMs ?? 0, expiresInMs ?? Infinity);
    const publishing =
      waitForRoomMs === undefined
        ? publish()
        : room.run(`event ${this.queue}`, bytes, waitMs, publish);
    return publishing.then((published) => this.#emitted(published));
  }

  #emitted({ groups, listeners, isDuplicate, historyId }: Published): EmitResult {
    if (this.options.isMandatory === true && groups + listeners === 0 && !isDuplicate)
      throw new NobodyListensError(this.queue, this.id);
    return { id: this.id, groups, listeners, isDuplicate, historyId };
  }

  #element(
    sentAtMs: number,
    replyTo: ReplyAddress | undefined,
    expiresAtMs: number | undefined,
    pattern?: string,
  ): Element {
    const { headers, key, priority } = this.#options;
    return encodeElement(
      {
        id: this.id,
        key,
        priority,
        sentAtMs,
        pattern,
        headers,
        metadata: this.#metadata,
        replyTo,
        expiresAtMs,
      },
      this.#body,
    );
  }
}

const NO_REQUEST: RequestTerms = {};

const REQUEST: PushTerms = { isRequest: true };

/** Servers assume that the caller waits until the expiry, unless the message says otherwise. */
function replyAddressOf(
  { replyTo, waitMs = 0 }: RequestTerms,
  expiresAtMs = Infinity,
  nowMs: number,
): ReplyAddress | undefined {
  if (replyTo === undefined || waitMs - (expiresAtMs - nowMs) < TOLD_FROM_MS) return replyTo;
  return { ...replyTo, waitMs };
}

/**
 * How much longer than its request a message waits for room, so that the request ends first, and always with the same error.
 */
const AFTER_REQUEST_MS = 100;

/** Servers allow a second more than the caller's time. */
const TOLD_FROM_MS = 500;

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function copyOf(options: RedisQueueRecordOptions): RedisQueueRecordOptions {
  const { headers, deliverAt } = options;
  return {
    ...options,
    ...(headers === undefined ? {} : { headers: { ...headers } }),
    ...(deliverAt === undefined ? {} : { deliverAt: new Date(deliverAt) }),
  };
}
