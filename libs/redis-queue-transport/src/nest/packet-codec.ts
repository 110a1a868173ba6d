import type { Deserializer, ReadPacket, Serializer } from '@nestjs/microservices';
import type { Element, Envelope } from '../core/envelope.js';
import { UndecodableError, messageOf } from '../core/errors.js';
import { decodeJson, encodeJson } from '../core/json.js';

/** A reply as Nest passes it around. */
export interface ReplyPacket {
  readonly err?: unknown;
  readonly response?: unknown;
  readonly isDisposed?: boolean | undefined;
}

/**
 * Between Nest's packets and the bytes of a body. A body is the JSON of the packet's `data` (of a reply: its
 * `response` or `err`); a user's serializer sees and may change the packet before, a deserializer after.
 */
export class PacketCodec {
  constructor(
    private readonly serializer: Serializer | undefined,
    private readonly deserializer: Deserializer | undefined,
  ) {}

  /** @throws UnencodableError, and what the serializer throws */
  encodeRequest(packet: ReadPacket, data: unknown, id: string): Element {
    if (this.serializer === undefined) return encodeJson(data);
    const serialized: unknown = this.serializer.serialize({ ...packet, data, id });
    return encodeValue(fieldOf(serialized, 'data'));
  }

  /** @throws UndecodableError when the body cannot be read, also by the deserializer */
  decodeRequest(envelope: Envelope, pattern: string): unknown {
    const data = decodeJson(envelope.body);
    if (this.deserializer === undefined) return data;
    // Plain data from elsewhere is handed over as it is, as the stock transports do.
    const value = envelope.id === undefined ? data : { pattern, data, id: envelope.id };
    return settleWith(
      () => this.deserializer?.deserialize(value, { channel: pattern }) as unknown,
      (packet) => fieldOf(packet, 'data'),
    );
  }

  /** @throws UnencodableError, and what the serializer throws */
  encodeReply(reply: ReplyPacket, id: string): Element {
    const field = reply.err === undefined ? 'response' : 'err';
    if (this.serializer === undefined) return encodeJson(reply[field]);
    const serialized: unknown = this.serializer.serialize({ ...reply, id });
    return encodeValue(fieldOf(serialized, field));
  }

  /** @throws UndecodableError when the body cannot be read, also by the deserializer */
  decodeReply(
    body: Buffer,
    kind: 'value' | 'error',
    isLast: boolean,
    id: string,
  ): ReplyPacket | Promise<ReplyPacket> {
    const value = decodeJson(body);
    const packet = {
      ...(kind === 'error' ? { err: value } : { response: value }),
      ...(isLast ? { isDisposed: true } : {}),
    };
    if (this.deserializer === undefined) return packet;
    return settleWith(
      () => this.deserializer?.deserialize({ ...packet, id }) as unknown,
      (answer) => answer as ReplyPacket, // a deserializer's word: its interface says no more than `any`
    );
  }
}

/** What a serializer made is bytes already, or a value to be written as JSON. */
function encodeValue(value: unknown): Element {
  return Buffer.isBuffer(value) ? value : encodeJson(value);
}

/** The packet's field, or the value itself where it is no packet: serializers may answer either. */
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
