import type { ReadPacket } from '@nestjs/microservices';
import type { Broker, Published } from '../core/broker.js';
import { encodeElement } from '../core/envelope.js';
import type { Element, OutgoingEnvelope, ReplyAddress } from '../core/envelope.js';
import { NobodyListensError } from '../core/errors.js';
import type { MessageIds } from '../core/message-id.js';
import type { PacketCodec } from './packet-codec.js';
import { RedisQueueRecord } from './redis-queue-record.js';
import type { RedisQueueRecordOptions } from './redis-queue-record.js';

/** What `emit` answers once Redis holds all copies. */
export interface EmitResult {
  readonly id: string;
  /** How many groups got a copy; one that handles it under several patterns counts once. */
  readonly groups: number;
  /** How many live subscriptions there were: one for each replica, and one more for each wildcard that it has beside. */
  readonly listeners: number;
  /** An event of this id was emitted within its `deduplicate` window: nobody got this one, and the counts are 0. */
  readonly isDuplicate: boolean;
  /** Its place in the history of its pattern, where there is one. */
  readonly historyId: string | undefined;
}

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

  /** To whoever listens now, and a copy to each group. Rejects with NobodyListensError too. */
  publish(broker: Broker): Promise<EmitResult> {
    const { expiresInMs, deduplicateMs } = this.options;
    const nowMs = broker.nowMs();
    const expiresAtMs = expiresInMs === undefined ? undefined : nowMs + expiresInMs;
    const element = this.#element(nowMs, undefined, expiresAtMs, this.queue);
    const terms = deduplicateMs === undefined ? undefined : { deduplicateMs };
    return broker
      .publish(this.queue, this.id, element, terms)
      .then((published) => this.#emitted(published));
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
    const { id, packet } = this;
    const { headers, codec } = this.options;
    const body = this.codec.encodeRequest(packet, this.#data, id, codec);
    const { metadata } = packet;
    return encodeElement({ id, sentAtMs, pattern, headers, metadata, replyTo, expiresAtMs }, body);
  }
}

const NO_OPTIONS: RedisQueueRecordOptions = {};
const NO_REQUEST: RequestTerms = {};

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
