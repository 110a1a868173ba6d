import type { ReadPacket } from '@nestjs/microservices';
import type { Broker } from '../core/broker.js';
import { encodeElement } from '../core/envelope.js';
import type { Element, OutgoingEnvelope } from '../core/envelope.js';
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
    private readonly packet: ReadPacket<unknown>,
    readonly queue: string,
    nextId: () => string,
    private readonly codec: PacketCodec,
  ) {
    const { data } = packet;
    const isRecord = data instanceof RedisQueueRecord;
    this.options = isRecord ? data.options : {};
    this.#data = isRecord ? data.data : data;
    this.id = this.options.id ?? nextId();
  }

  /** Onto the list of its queue. */
  push(broker: Broker, request: RequestTerms = {}): Promise<'held' | 'duplicate'> {
    const { delayMs, deliverAt, deduplicateMs, expiresInMs } = this.options;
    const nowMs = broker.nowMs();
    const dueMs = deliverAt?.getTime() ?? (delayMs === undefined ? undefined : nowMs + delayMs);
    const expiresAtMs = earlier(
      request.expiresAtMs,
      expiresInMs === undefined ? undefined : nowMs + expiresInMs,
    );
    const element = this.#element(nowMs, { ...request, expiresAtMs });
    return broker.push(this.queue, this.id, element, { dueMs, deduplicateMs });
  }

  /** To whoever listens now. */
  async publish(broker: Broker): Promise<void> {
    await broker.publish(this.queue, this.id, this.#element(broker.nowMs(), {}));
  }

  #element(sentAtMs: number, request: RequestTerms): Element {
    const { id, packet } = this;
    const body = this.codec.encodeRequest({ ...packet, data: this.#data, id });
    const metadata: unknown = Reflect.get(packet, 'metadata');
    const { headers } = this.options;
    return encodeElement({ id, sentAtMs, headers, metadata, ...request }, body);
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
