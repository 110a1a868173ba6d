import type { ReadPacket } from '@nestjs/microservices';
import { assertConcrete, assertSendable } from '../../core/events/event-patterns.js';
import { MessageIds } from '../../core/message/message-id.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { RedisQueueRecordOptions, Verb } from '../packets/message-settings.js';
import type { PacketCodec } from '../packets/packet-codec.js';
import { queueNameOf } from '../packets/pattern.js';
import type { CallWatch } from './call-watch.js';
import type { OutgoingHeaders } from './outgoing-headers.js';
import { OutgoingMessage } from './outgoing-message.js';

/** How many queues are remembered. An endless number of patterns must not fill the memory. */
const MOST_KNOWN_QUEUES = 1_000;

/** Makes the messages of one client from the packets of its calls. */
export class MessageMaker {
  readonly #ids = new MessageIds(nodeRuntime);
  /** By pattern; only valid patterns. */
  readonly #queues = new Map<unknown, string>();

  constructor(
    private readonly codec: PacketCodec,
    private readonly headers: OutgoingHeaders | undefined,
    private readonly watch: CallWatch,
    /** Nest's own conversion of a pattern to text. */
    private readonly normalize: (pattern: never) => unknown,
  ) {}

  /**
   * Messages of one call have the same object `many`.
   * @throws InvalidPatternError | InvalidOptionError | UnencodableError | PayloadTooLargeError
   */
  make(
    verb: Verb,
    packet: ReadPacket,
    given: RedisQueueRecordOptions | undefined,
    many?: object,
  ): OutgoingMessage {
    const queue = this.queueOf(packet.pattern);
    if (verb === 'emit') assertConcrete(queue);
    const headers = this.headers?.now();
    const message = new OutgoingMessage(verb, packet, queue, this.#ids, this.codec, given, headers);
    this.watch.begins(message, many);
    return message;
  }

  /** @throws InvalidPatternError */
  queueOf(pattern: unknown): string {
    const known = this.#queues.get(pattern);
    if (known !== undefined) return known;
    const queue = queueNameOf(pattern, this.normalize);
    assertSendable(queue);
    // Objects are not remembered, since they may change later.
    if (typeof pattern === 'string' && this.#queues.size < MOST_KNOWN_QUEUES)
      this.#queues.set(pattern, queue);
    return queue;
  }
}
