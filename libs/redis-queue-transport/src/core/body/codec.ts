import { isUint8Array } from 'node:util/types';
import { UndecodableError, UnencodableError } from '../errors/data-errors.js';
import { messageOf } from '../errors/message-of.js';
import { mark } from '../errors/mark.js';
import { decodeJson, encodeJson } from './json.js';

/**
 * Converts data to bytes and back. Its name is in the header of every message that it wrote, so that the other side
 * knows how to read it.
 */
export interface Codec {
  /** Its name in the header: letters, digits, `.`, `_` and `-`. Must be the same on both sides. */
  readonly name: string;
  /** Errors become an `UnencodableError`. Never called with `undefined`, which is an empty body. */
  encode(value: unknown): Buffer | string;
  /** Errors become an `UndecodableError`. The result must not share memory with the body. */
  decode(body: Buffer): unknown;
}

export const JSON_CODEC = mark('jsonCodec');
export const RAW_CODEC = mark('rawCodec');

/** The mark is not enumerable: a copy made by a spread may have other methods, so it must not carry the mark. */
function marked(codec: Codec, kind: symbol): Codec {
  return Object.freeze(Object.defineProperty(codec, kind, { value: true }));
}

/** The default codec. */
export const jsonCodec: Codec = marked(
  { name: 'json', encode: encodeJson, decode: decodeJson },
  JSON_CODEC,
);

/** The data are bytes (a Buffer or Uint8Array) and are sent unchanged. The other side gets a Buffer. */
export const rawCodec: Codec = marked(
  {
    name: 'raw',
    encode(value: unknown): Buffer {
      if (isUint8Array(value)) return asBuffer(value);
      const got = value === null ? 'null' : typeof value;
      throw new UnencodableError(`rawCodec writes a Buffer or Uint8Array, got ${got}.`);
    },
    // A copy: settling needs the element's own bytes, whatever a handler does to its data.
    decode: (body: Buffer): Buffer => Buffer.from(body),
  },
  RAW_CODEC,
);

/** Whether the codec can write the value at all: the raw codec only writes bytes. */
export function canWrite(codec: Codec, value: unknown): boolean {
  return codec !== rawCodec || isUint8Array(value);
}

/** @throws UnencodableError */
export function encodeWith(codec: Codec, value: unknown): Buffer {
  let bytes: unknown;
  try {
    bytes = codec.encode(value);
  } catch (error) {
    if (error instanceof UnencodableError) throw error;
    throw new UnencodableError(
      `The codec "${codec.name}" cannot write the data: ${messageOf(error)}`,
      { cause: error },
    );
  }
  if (typeof bytes === 'string') return Buffer.from(bytes);
  if (isUint8Array(bytes)) return asBuffer(bytes);
  throw new UnencodableError(
    `The codec "${codec.name}" must return text or a Buffer, got ${typeof bytes}.`,
  );
}

/** @throws UndecodableError */
export function decodeWith(codec: Codec, body: Buffer): unknown {
  try {
    return codec.decode(body);
  } catch (error) {
    if (error instanceof UndecodableError) throw error;
    throw new UndecodableError(
      `The codec "${codec.name}" cannot read the body: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
