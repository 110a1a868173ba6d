import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeWith, encodeWith } from './core/body/codec.js';
import { UndecodableError, UnencodableError } from './core/errors/data-errors.js';
import { msgpackCodec } from './msgpack.js';

function thereAndBack(value: unknown): unknown {
  return decodeWith(msgpackCodec, encodeWith(msgpackCodec, value));
}

describe('the MessagePack codec', () => {
  test('writes what any language reads', () => {
    expect(encodeWith(msgpackCodec, { a: [1, null], b: Buffer.from([255]) })).toEqual(
      Buffer.from([0x82, 0xa1, 0x61, 0x92, 1, 0xc0, 0xa1, 0x62, 0xc4, 1, 255]),
    );
  });

  test('keeps bytes, dates, long integers and NaN', () => {
    const value = {
      bytes: Buffer.from([0xff, 0, 0xfe]),
      at: new Date(1_234),
      long: 2n ** 60n,
      none: NaN,
      list: [new Date(5)],
    };
    expect(thereAndBack(value)).toEqual(value);
  });

  test('treats undefined as JSON does', () => {
    expect(thereAndBack({ a: undefined, b: [undefined, 1] })).toEqual({ b: [null, 1] });
  });

  test('keeps everything that JSON can represent', () => {
    // Except one name, for the safety of the reader.
    const values = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'));
    fc.assert(fc.property(values, (value) => expect(thereAndBack(value)).toEqual(normal(value))));
  });

  test('reads bytes that do not change with the body', () => {
    const body = encodeWith(msgpackCodec, Buffer.from([1, 2]));
    const data = decodeWith(msgpackCodec, body) as Buffer;
    body.fill(0);
    expect(data).toEqual(Buffer.from([1, 2]));
  });

  test.each([
    ['nothing', []],
    ['a cut list', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['cut bytes', [0xc6, 0xff, 0xff, 0xff, 0xff, 1]],
    ['more than one value', [1, 2]],
    ['a record that is not there', [0xd4, 0x72, 0x41, 0x93]],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeWith(msgpackCodec, Buffer.from(bytes))).toThrow(UndecodableError);
  });

  test('keeps no state from what it reads', () => {
    decodeWith(msgpackCodec, Buffer.from([0xd4, 0x72, 0x41, 0x91, 0xa1, 0x78, 5]));
    expect(thereAndBack([65, 66])).toEqual([65, 66]);
  });

  test('refuses values that it cannot represent', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    for (const value of [circle, Symbol('x'), 2n ** 70n])
      expect(() => encodeWith(msgpackCodec, value)).toThrow(UnencodableError);
  });
});

/** Without a prototype of its own, and without -0, which JSON lacks. */
function normal(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
