import type { ReadPacket } from '@nestjs/microservices';
import { EncodedBody } from '../../core/body/body.js';
import type { OutgoingBody } from '../../core/body/body.js';
import type { Published } from '../../core/broker/broker.js';
import { encodeElement } from '../../core/message/envelope.js';
import type { Element, OutgoingEnvelope, ReplyAddress } from '../../core/message/envelope.js';
import { NobodyListensError } from '../../core/errors/errors.js';
import type { ObservedMessage } from '../../core/lifecycle/observer.js';
import type { MessageIds } from '../../core/message/message-id.js';
import type { ClientSession } from './client-session.js';
import type { PacketCodec } from '../packets/packet-codec.js';
import { NO_SETTINGS, settingsOf } from '../packets/message-settings.js';
import type { RedisQueueRecordOptions, Verb } from '../packets/message-settings.js';
import { isRecord } from '../packets/redis-queue-record.js';

/** What `emit` answers once Redis holds all copies. */
export interface EmitResult {
  readonly id: string;
  /** How many groups got a copy; one that handles it under several patterns counts once. */
  readonly groups: number;
  /** How many live subscriptions there were: one for each replica, and one more for each wildcard that it has beside. */
  readonly listeners: number;
  /**
   * An event of this id was emitted within its `deduplicate` window: nobody got this one, and the counts are 0. Where the
   * client sent it again by itself, that may be this event.
   */
  readonly isDuplicate: boolean;
  /** Its place in the history of its pattern, where there is one. */
  readonly historyId: string | undefined;
}

/** What a request adds to its message. */
export type RequestTerms = Pick<OutgoingEnvelope, 'replyTo' | 'expiresAtMs'> & {
  /** How long, in ms, its caller waits for each reply. */
  readonly waitMs?: number;
};

/** What of a session it takes to send. */
type SendingSession = Pick<ClientSession, 'broker' | 'sendAgain'>;

/**
 * A message on its way out: its body as bytes, the settings of its record, its queue and its id. Its data are read when
 * it is made, and never again.
 */
export class OutgoingMessage {
  readonly id: string;
  #options: RedisQueueRecordOptions;
  #body: OutgoingBody;
  #metadata: unknown;
  #observed: ObservedMessage | undefined;

  /**
   * `given`: settings over those of a record; `headers`: those that it has unless it says otherwise.
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

  /** What observers are told of it: the same object each time, which does not keep the message itself. */
  get observed(): ObservedMessage {
    return (this.#observed ??= { verb: this.verb, queue: this.queue, id: this.id });
  }

  /** Of the body, about; text is not measured. */
  get bytes(): number {
    return typeof this.#body === 'string' ? this.#body.length : this.#body.bytes.length;
  }

  get options(): RedisQueueRecordOptions {
    return this.#options;
  }

  /** Keeps apart from its caller's objects what is not sent at once, and answers the message. */
  detached(): this {
    if (this.#options !== NO_SETTINGS) this.#options = copyOf(this.#options);
    // A raw codec answers the caller's own bytes.
    if (this.#body instanceof EncodedBody)
      this.#body = new EncodedBody(Buffer.from(this.#body.bytes), this.#body.encoding);
    if (this.#metadata !== undefined)
      this.#metadata = JSON.parse(JSON.stringify(this.#metadata)) as unknown; // as it will stand in the header
    return this;
  }

  /** Onto the list of its queue. */
  push(
    { broker, sendAgain }: SendingSession,
    request: RequestTerms = NO_REQUEST,
  ): Promise<'added' | 'duplicate'> {
    const { delayMs, deliverAt, deduplicateMs, expiresInMs } = this.options;
    const nowMs = broker.nowMs();
    const dueMs = deliverAt?.getTime() ?? (delayMs === undefined ? undefined : nowMs + delayMs);
    const expiresAtMs = earlier(
      request.expiresAtMs,
      expiresInMs === undefined ? undefined : nowMs + expiresInMs,
    );
    const element = this.#element(nowMs, replyAddressOf(request, expiresAtMs, nowMs), expiresAtMs);
    if (deduplicateMs !== undefined) {
      const terms = { dueMs, deduplicateMs };
      return sendAgain.run(this.id, element.length, deduplicateMs, () =>
        broker.push(this.queue, this.id, element, terms),
      );
    }
    return broker.push(this.queue, this.id, element, dueMs === undefined ? undefined : { dueMs });
  }

  /** To whoever listens now, and a copy to each group. Rejects with NobodyListensError too. */
  publish({ broker, sendAgain }: SendingSession): Promise<EmitResult> {
    const { expiresInMs, deduplicateMs } = this.options;
    const nowMs = broker.nowMs();
    const expiresAtMs = expiresInMs === undefined ? undefined : nowMs + expiresInMs;
    const element = this.#element(nowMs, undefined, expiresAtMs, this.queue);
    const publishing =
      deduplicateMs === undefined
        ? broker.publish(this.queue, this.id, element)
        : sendAgain.run(this.id, element.length, deduplicateMs, () =>
            broker.publish(this.queue, this.id, element, { deduplicateMs }),
          );
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
    const { headers } = this.#options;
    return encodeElement(
      {
        id: this.id,
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

/** Servers take the time up to the expiry for what the caller waits, unless it is told. */
function replyAddressOf(
  { replyTo, waitMs = 0 }: RequestTerms,
  expiresAtMs = Infinity,
  nowMs: number,
): ReplyAddress | undefined {
  if (replyTo === undefined || waitMs - (expiresAtMs - nowMs) < TOLD_FROM_MS) return replyTo;
  return { ...replyTo, waitMs };
}

/** Servers let a caller wait a second longer than it says. */
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
