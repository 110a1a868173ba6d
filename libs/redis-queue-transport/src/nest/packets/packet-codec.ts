import type { Deserializer, ReadPacket, Serializer } from '@nestjs/microservices';
import type { BodyEncoding, BodyFormat, OutgoingBody } from '../../core/body/body.js';
import type { Codec } from '../../core/body/codec.js';
import type { Envelope } from '../../core/message/envelope.js';
import { UndecodableError } from '../../core/errors/data-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import type { ReceivedReply } from '../../core/message/reply.js';

/** A reply as Nest passes it around. */
export interface ReplyPacket {
  readonly err?: unknown;
  readonly response?: unknown;
  readonly isDisposed?: boolean | undefined;
}

/**
 * Converts between Nest's packets and the bytes of a body. A body is the packet's `data` (of a reply: its `response` or
 * `err`), written by a codec. A user's serializer may change the packet before that, and a deserializer after reading.
 */
export class PacketCodec {
  constructor(
    private readonly serializer: Serializer | undefined,
    private readonly deserializer: Deserializer | undefined,
    private readonly format: BodyFormat,
    /** Throws for data of a message without a key that must not be handled. */
    private readonly checkUnkeyed?: (data: unknown) => unknown,
  ) {}

  /** The same, with a check of the data of messages without a key. */
  checking(checkUnkeyed: (data: unknown) => unknown): PacketCodec {
    return new PacketCodec(this.serializer, this.deserializer, this.format, checkUnkeyed);
  }

  /** @throws UnencodableError, and what the serializer throws */
  encodeRequest(packet: ReadPacket, data: unknown, id: string, codec?: Codec): OutgoingBody {
    if (this.serializer === undefined) return this.format.encode(data, codec);
    const serialized: unknown = this.serializer.serialize({ ...packet, data, id });
    const value = fieldOf(serialized, 'data');
    // A serializer returns bytes, or a value that the codec still has to write.
    return Buffer.isBuffer(value)
      ? this.format.encodeBytes(value)
      : this.format.encode(value, codec);
  }

  /** @throws UndecodableError if the body cannot be read, or the deserializer fails; and what the check throws */
  decodeRequest(envelope: Envelope, pattern: string): unknown {
    const data = this.#decodeRequest(envelope, pattern);
    const check = this.checkUnkeyed;
    if (check === undefined || envelope.key !== undefined) return data;
    if (data instanceof Promise)
      return data.then((read: unknown) => {
        check(read);
        return read;
      });
    check(data);
    return data;
  }

  #decodeRequest(envelope: Envelope, pattern: string): unknown {
    const data = this.format.decode(envelope.body, envelope.encoding);
    if (this.deserializer === undefined) return data;
    // Plain data of other programs is passed on as it is, as in the stock transports.
    const value = envelope.id === undefined ? data : { pattern, data, id: envelope.id };
    return settleWith(
      () => this.deserializer?.deserialize(value, { channel: pattern }) as unknown,
      (packet) => fieldOf(packet, 'data'),
    );
  }

  /** @throws UnencodableError, and what the serializer throws */
  encodeReply(reply: ReplyPacket, id: string, question: BodyEncoding | undefined): OutgoingBody {
    const field = reply.err === undefined ? 'response' : 'err';
    if (this.serializer === undefined) return this.format.encodeAnswer(reply[field], question);
    const serialized: unknown = this.serializer.serialize({ ...reply, id });
    const value = fieldOf(serialized, field);
    return Buffer.isBuffer(value)
      ? this.format.encodeBytes(value)
      : this.format.encodeAnswer(value, question);
  }

  /**
   * `codec` is the codec of the request, which may be unknown to this client otherwise.
   * @throws UndecodableError if the body cannot be read, or the deserializer fails
   */
  decodeReply(
    reply: ReceivedReply,
    id: string,
    codec: Codec | undefined,
  ): ReplyPacket | Promise<ReplyPacket> {
    const value = this.format.decode(reply.body, reply.encoding, codec);
    const packet = {
      ...(reply.kind === 'error' ? { err: value } : { response: value }),
      ...(reply.last ? { isDisposed: true } : {}),
    };
    if (this.deserializer === undefined) return packet;
    return settleWith(
      () => this.deserializer?.deserialize({ ...packet, id }) as unknown,
      (answer) => answer as ReplyPacket, // Trusts the deserializer: its interface only says `any`
    );
  }
}

/** The packet's field, or the value itself if it is not a packet: serializers may return either. */
function fieldOf(value: unknown, field: 'data' | 'response' | 'err'): unknown {
  return typeof value === 'object' && value !== null && field in value
    ? Reflect.get(value, field)
    : value;
}

/** Runs a user's deserializer, synchronous or not, and turns what it throws into our error. */
function settleWith<T>(deserialize: () => unknown, read: (value: unknown) => T): T | Promise<T> {
  try {
    const value = deserialize();
    return value instanceof Promise ? value.then(read, fail) : read(value);
  } catch (error) {
    return fail(error);
  }
}

function fail(error: unknown): never {
  throw new UndecodableError(`The deserializer failed: ${messageOf(error)}`, { cause: error });
}
