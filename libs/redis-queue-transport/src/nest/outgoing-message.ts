import type { ReadPacket } from '@nestjs/microservices';
import type { Broker } from '../core/broker.js';
import { encodeElement } from '../core/envelope.js';
import type { Element, OutgoingEnvelope, ReplyAddress } from '../core/envelope.js';
import type { MessageIds } from '../core/message-id.js';
import type { PacketCodec } from './packet-codec.js';
import { RedisQueueRecord } from './redis-queue-record.js';
import type { RedisQueueRecordOptions } from './redis-queue-record.js';

/** What a request adds to its message. */
export type RequestTerms = Pick<OutgoingEnvelope, 'replyTo' | 'expiresAtMs'>;

/** A message on its way out: a packet, the settings of its record, its queue and its id. */
export class OutgoingMessage {
  readonly id: string;
  readonly options: RedisQueueRecordOptions;
  readonly #data: unknown;

  constructor(
    private readonly packet: ReadPacket<unknown> & { readonly metadata?: unknown },
    readonly queue: string,
    ids: MessageIds,
    private readonly codec: PacketCodec,
  ) {
    const { data } = packet;
    const isRecord = data instanceof RedisQueueRecord;
    this.options = isRecord ? data.options : NO_OPTIONS;
    this.#data = isRecord ? data.data : data;
    this.id = this.options.id ?? ids.next();
  }

  /** Onto the list of its queue. */
  push(broker: Broker, request: RequestTerms = NO_REQUEST): Promise<'held' | 'duplicate'> {
    const { delayMs, deliverAt, deduplicateMs, expiresInMs } = this.options;
    const nowMs = broker.nowMs();
    const dueMs = deliverAt?.getTime() ?? (delayMs === undefined ? undefined : nowMs + delayMs);
    const expiresAtMs = earlier(
      request.expiresAtMs,
      expiresInMs === undefined ? undefined : nowMs + expiresInMs,
    );
    const element = this.#element(nowMs, request.replyTo, expiresAtMs);
    const hasTerms = dueMs !== undefined || deduplicateMs !== undefined;
    return broker.push(
      this.queue,
      this.id,
      element,
      hasTerms ? { dueMs, deduplicateMs } : undefined,
    );
  }

  /** To whoever listens now. */
  publish(broker: Broker): Promise<void> {
    const element = this.#element(broker.nowMs(), undefined, undefined);
    return broker.publish(this.queue, this.id, element).then(noResult);
  }

  #element(
    sentAtMs: number,
    replyTo: ReplyAddress | undefined,
    expiresAtMs: number | undefined,
  ): Element {
    const { id, packet } = this;
    const { headers, codec } = this.options;
    const body = this.codec.encodeRequest(packet, this.#data, id, codec);
    const { metadata } = packet;
    return encodeElement({ id, sentAtMs, headers, metadata, replyTo, expiresAtMs }, body);
  }
}

const NO_OPTIONS: RedisQueueRecordOptions = {};
const NO_REQUEST: RequestTerms = {};
const noResult = (): void => undefined;

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
