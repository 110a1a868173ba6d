import { canWrite, decodeWith, encodeWith, jsonCodec, rawCodec } from './codec.js';
import type { Codec } from './codec.js';
import { GZIP, compress, decompress } from './compression.js';
import { PayloadTooLargeError } from '../errors/data-errors.js';
import { decodeJson, encodeJson } from './json.js';
import { KnownCodecs } from './known-codecs.js';
import { assertWritten } from './unwritable.js';

/** How a body is encoded if it is not plain JSON: header fields of the same names. */
export interface BodyEncoding {
  /** Name of the codec; absent for JSON. */
  readonly codec?: string | undefined;
  /** How it is compressed; absent if it is not. */
  readonly zip?: string | undefined;
}

/** Bytes, and how they are encoded. */
export class EncodedBody {
  constructor(
    readonly bytes: Buffer,
    readonly encoding: BodyEncoding,
  ) {}
}

/** A body to be sent: JSON text, or bytes marked with their encoding. */
export type OutgoingBody = string | EncodedBody;

export interface BodyOptions {
  /** The codec for messages that name none. */
  readonly codec: Codec;
  /** Further codecs that can be read, in addition to json and raw. */
  readonly codecs: readonly Codec[];
  /** How large an encoded body may be, in both directions. */
  readonly maxPayloadBytes: number;
  /** Larger bodies are compressed if that helps; false for never. */
  readonly compressAboveBytes: number | false;
}

/** A UTF-16 unit takes at most this many bytes in UTF-8. */
const MOST_BYTES_PER_UNIT = 3;

/** Converts between values and the bytes of a body. */
export class BodyFormat {
  readonly #codec: Codec;
  readonly #known: KnownCodecs;
  readonly #maxBytes: number;
  readonly #compressAbove: number;
  /** Text of at most this many UTF-16 units need not be measured. */
  readonly #smallText: number;

  constructor(
    { codec, codecs, maxPayloadBytes, compressAboveBytes }: BodyOptions,
    /** Reads bodies whose header names no codec. */
    private readonly decodePlain: (body: Buffer) => unknown = decodeJson,
  ) {
    this.#maxBytes = maxPayloadBytes;
    this.#compressAbove = compressAboveBytes === false ? Infinity : compressAboveBytes;
    this.#smallText = Math.floor(
      Math.min(maxPayloadBytes, this.#compressAbove) / MOST_BYTES_PER_UNIT,
    );
    this.#codec = codec;
    this.#known = new KnownCodecs([codec, ...codecs]);
  }

  /** @throws UnencodableError, including for data that JSON would silently lose; PayloadTooLargeError */
  encode(value: unknown, codec: Codec = this.#codec): OutgoingBody {
    if (codec !== jsonCodec) return this.#encode(value, codec);
    const text = encodeJson(value);
    assertWritten(value, text);
    return this.#finishText(text);
  }

  #encode(value: unknown, codec: Codec): OutgoingBody {
    if (codec === jsonCodec || value === undefined) return this.#finishText(encodeJson(value));
    return this.#finish(encodeWith(codec, value), codec.name);
  }

  /** Takes bytes that the caller has encoded. The other side reads them as a Buffer. @throws PayloadTooLargeError */
  encodeBytes(bytes: Buffer): OutgoingBody {
    return this.#finish(bytes, rawCodec.name);
  }

  /**
   * Encodes a reply in the codec of its request, or as JSON if that codec is unknown or cannot write the value. As with
   * Nest's own transports, parts that JSON cannot write are left out: thrown values often carry some.
   */
  encodeAnswer(value: unknown, question: BodyEncoding | undefined): OutgoingBody {
    if (question?.codec === undefined) return this.#encode(value, jsonCodec);
    const codec = this.#known.find(question.codec);
    return this.#encode(value, codec !== undefined && canWrite(codec, value) ? codec : jsonCodec);
  }

  /**
   * With `also`, a codec for this body alone. With `mostBytes`, a lower limit for this body alone.
   * @throws UndecodableError | PayloadTooLargeError
   */
  decode(
    body: Buffer,
    encoding: BodyEncoding | undefined,
    also?: Codec,
    mostBytes = this.#maxBytes,
  ): unknown {
    const maxBytes = Math.min(mostBytes, this.#maxBytes);
    assertFits(body.length, maxBytes);
    if (encoding === undefined) return this.decodePlain(body);
    const { codec, zip } = encoding;
    const bytes = zip === undefined ? body : decompress(body, zip, maxBytes);
    if (codec === undefined) return decodeJson(bytes);
    return decodeWith(codec === also?.name ? also : this.#known.named(codec), bytes);
  }

  #finish(bytes: Buffer, codec: string): EncodedBody {
    assertFits(bytes.length, this.#maxBytes);
    const zipped = bytes.length > this.#compressAbove ? compress(bytes) : undefined;
    return zipped === undefined
      ? new EncodedBody(bytes, { codec })
      : new EncodedBody(zipped, { codec, zip: GZIP });
  }

  #finishText(text: string): OutgoingBody {
    return text.length <= this.#smallText ? text : this.#finishLargeText(text);
  }

  #finishLargeText(text: string): OutgoingBody {
    const bytes = Buffer.byteLength(text);
    assertFits(bytes, this.#maxBytes);
    const zipped = bytes > this.#compressAbove ? compress(Buffer.from(text)) : undefined;
    return zipped === undefined ? text : new EncodedBody(zipped, { zip: GZIP });
  }
}

function assertFits(bytes: number, maxBytes: number): void {
  if (bytes > maxBytes) throw new PayloadTooLargeError(bytes, maxBytes);
}
