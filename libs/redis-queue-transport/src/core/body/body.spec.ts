import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { BodyFormat, EncodedBody } from './body.js';
import { jsonCodec, rawCodec } from './codec.js';
import type { Codec } from './codec.js';
import { PayloadTooLargeError, UndecodableError, UnencodableError } from '../errors/data-errors.js';

const reversing: Codec = {
  name: 'reversing',
  encode: (value) => [...String(value)].reverse().join(''),
  decode: (body) => [...body.toString()].reverse().join(''),
};

function formatOf(codec: Codec = jsonCodec, codecs: readonly Codec[] = []): BodyFormat {
  return new BodyFormat({ codec, codecs, maxPayloadBytes: 1_000_000, compressAboveBytes: 100 });
}

function marked(bytes: string | Buffer, codec: string): EncodedBody {
  return new EncodedBody(Buffer.from(bytes), { codec });
}

describe('a body', () => {
  test('is the text of JSON, without a mark', () => {
    expect(formatOf().encode({ a: 'ä' })).toBe('{"a":"ä"}');
    expect(formatOf().decode(Buffer.from('{"a":"ä"}'), undefined)).toEqual({ a: 'ä' });
  });

  test('is marked with the name of any other codec', () => {
    const body = formatOf(reversing).encode('abc');

    expect(body).toEqual(marked('cba', 'reversing'));
    expect(formatOf(reversing).decode(Buffer.from('cba'), { codec: 'reversing' })).toBe('abc');
  });

  test('is only decompressed up to a lower limit if one is given', () => {
    const body = formatOf().encode('x'.repeat(1_000)) as EncodedBody;
    const read = (mostBytes?: number): unknown =>
      formatOf().decode(body.bytes, body.encoding, undefined, mostBytes);

    expect(body.encoding).toEqual({ zip: 'gzip' });
    expect(() => read(1_001)).toThrow(new PayloadTooLargeError(1_002, 1_001));
    expect(read(1_002)).toHaveLength(1_000);
    expect(read(Infinity)).toEqual(read());
  });

  test('is written by the given codec', () => {
    expect(formatOf().encode('abc', reversing)).toEqual(marked('cba', 'reversing'));
    expect(formatOf(reversing).encode('abc', jsonCodec)).toBe('"abc"');
  });

  test('is empty for undefined, whatever the codec', () => {
    for (const codec of [jsonCodec, rawCodec, reversing])
      expect(formatOf(codec).encode(undefined)).toBe('');
    expect(formatOf(reversing).decode(Buffer.of(), undefined)).toBeUndefined();
  });

  test('of no bytes is still bytes', () => {
    expect(formatOf(rawCodec).encode(Buffer.of())).toEqual(marked('', 'raw'));
    expect(formatOf().decode(Buffer.of(), { codec: 'raw' })).toEqual(Buffer.of());
  });

  test('is read by json and raw, by the other known codecs, and by one given for the call', () => {
    const body = Buffer.from('"a"');
    const format = formatOf(jsonCodec, [reversing]);

    expect(format.decode(body, { codec: 'json' })).toBe('a');
    expect(format.decode(body, { codec: 'raw' })).toEqual(body);
    expect(format.decode(body, { codec: 'reversing' })).toBe('"a"');
    expect(formatOf().decode(body, { codec: 'reversing' }, reversing)).toBe('"a"');
  });

  test('in an unknown codec is refused with advice', () => {
    const format = formatOf(reversing);
    const read = (codec: string) => (): unknown => format.decode(Buffer.of(), { codec });

    expect(read('msgpack')).toThrow(UndecodableError);
    expect(read('msgpack')).toThrow(/"msgpack".*reversing, json, raw.*Install msgpackr/);
    expect(read('cbor')).toThrow(/"cbor".*option `codecs`/);
  });
});

describe('a reply', () => {
  const format = formatOf(jsonCodec, [reversing]);

  test('is written in the codec of the request', () => {
    expect(format.encodeAnswer('abc', { codec: 'reversing' })).toEqual(marked('cba', 'reversing'));
    expect(formatOf(reversing).encodeAnswer('abc', undefined)).toBe('"abc"');
  });

  test('to a request with bytes is bytes, or JSON if it is not bytes', () => {
    const bytes = Buffer.from([255]);

    expect(format.encodeAnswer(bytes, { codec: 'raw' })).toEqual(marked(bytes, 'raw'));
    expect(format.encodeAnswer({ size: 1 }, { codec: 'raw' })).toBe('{"size":1}');
    expect(format.encodeAnswer(undefined, { codec: 'raw' })).toBe('');
  });

  test('to a request in an unknown codec is JSON', () => {
    expect(format.encodeAnswer('no', { codec: 'unknown' })).toBe('"no"');
  });

  test('that cannot be written is an error', () => {
    expect(() => format.encodeAnswer(1n, undefined)).toThrow(UnencodableError);
  });
});

describe('a body that is too large', () => {
  const format = new BodyFormat({
    codec: jsonCodec,
    codecs: [],
    maxPayloadBytes: 12,
    compressAboveBytes: false,
  });

  test.each([
    ['text', 'a'.repeat(10), 'a'.repeat(11)],
    ['text of more bytes than letters', 'äöüäö', 'äöüäöü'],
    ['text of pairs', '😀😀', '😀😀😀'],
  ])('is refused: %s', (_, fits, tooLarge) => {
    expect(format.encode(fits)).toBe(JSON.stringify(fits));
    expect(() => format.encode(tooLarge)).toThrow(PayloadTooLargeError);
    const body = Buffer.from(JSON.stringify(tooLarge));
    expect(() => format.decode(body, undefined)).toThrow(new PayloadTooLargeError(body.length, 12));
  });

  test('is refused as bytes too, when writing and when reading', () => {
    expect(format.encode(Buffer.alloc(12), rawCodec)).toEqual(marked(Buffer.alloc(12), 'raw'));
    expect(() => format.encode(Buffer.alloc(13), rawCodec)).toThrow(PayloadTooLargeError);
    expect(() => format.encodeBytes(Buffer.alloc(13))).toThrow(PayloadTooLargeError);
    expect(() => format.encodeAnswer('a'.repeat(11), undefined)).toThrow(PayloadTooLargeError);
    expect(() => format.decode(Buffer.alloc(13), { codec: 'raw' })).toThrow(PayloadTooLargeError);
  });

  test('is not looked at', () => {
    const read = (): never => {
      throw new Error('was read');
    };
    const own = { name: 'own', encode: () => '', decode: read };

    expect(() => format.decode(Buffer.alloc(13), { codec: 'own' }, own)).toThrow(
      PayloadTooLargeError,
    );
  });
});

describe('a large body', () => {
  const text = 'abc'.repeat(1_000);

  test('is compressed and marked, by every codec', () => {
    const format = formatOf(jsonCodec, [reversing]);

    for (const codec of [jsonCodec, reversing]) {
      const body = format.encode(text, codec) as EncodedBody;
      const name = codec === jsonCodec ? {} : { codec: codec.name };
      expect(body.encoding).toEqual({ ...name, zip: 'gzip' });
      expect(body.bytes.length).toBeLessThan(300);
      expect(format.decode(body.bytes, body.encoding)).toBe(text);
    }
  });

  test('is compressed from the first byte above the threshold', () => {
    expect(formatOf().encode('a'.repeat(98))).toBe(JSON.stringify('a'.repeat(98)));
    expect(formatOf().encode('a'.repeat(99))).toBeInstanceOf(EncodedBody);
    expect(formatOf().encode('ä'.repeat(50))).toBeInstanceOf(EncodedBody);
  });

  test('stays as it is if compression helps little or is switched off', () => {
    const options = { codec: jsonCodec, codecs: [], maxPayloadBytes: 10_000 };
    const random = randomBytes(1_000);

    expect(formatOf().encode(random, rawCodec)).toEqual(marked(random, 'raw'));
    const never = new BodyFormat({ ...options, compressAboveBytes: false });
    expect(never.encode(text)).toBe(JSON.stringify(text));
  });

  test('is measured before it is compressed, and bounded when it is unpacked', () => {
    const options = { codec: jsonCodec, codecs: [], compressAboveBytes: 100 };
    const small = new BodyFormat({ ...options, maxPayloadBytes: 3_001 });
    const { bytes, encoding } = formatOf().encode(text) as EncodedBody;

    expect(() => small.encode(text)).toThrow(new PayloadTooLargeError(3_002, 3_001));
    expect(() => small.decode(bytes, encoding)).toThrow(new PayloadTooLargeError(3_002, 3_001));
  });
});
