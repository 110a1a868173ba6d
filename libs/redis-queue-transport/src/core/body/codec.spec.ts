import { describe, expect, test } from '@jest/globals';
import { decodeWith, encodeWith, rawCodec } from './codec.js';
import type { Codec } from './codec.js';
import { UndecodableError, UnencodableError } from '../errors/data-errors.js';

const codec = (methods: Partial<Codec>): Codec => ({
  name: 'own',
  encode: () => '',
  decode: () => undefined,
  ...methods,
});

const fails = (): never => {
  throw new TypeError('no form');
};

function caughtOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

describe('the raw codec', () => {
  test('writes bytes as they are, from any kind of view', () => {
    const bytes = new Uint8Array([9, 255, 0, 254]);

    expect(encodeWith(rawCodec, Buffer.from(bytes))).toEqual(Buffer.from([9, 255, 0, 254]));
    expect(encodeWith(rawCodec, bytes.subarray(1, 3))).toEqual(Buffer.from([255, 0]));
  });

  test('reads a copy: changing it does not change the body', () => {
    const body = Buffer.from([255, 1]);

    const data = decodeWith(rawCodec, body) as Buffer;
    data.fill(0);

    expect(body).toEqual(Buffer.from([255, 1]));
  });

  test.each([['text'], [7], [null], [{ a: 1 }], [[1]]])('refuses %j', (value) => {
    expect(() => encodeWith(rawCodec, value)).toThrow(UnencodableError);
  });
});

describe("a user's codec", () => {
  test('may return text', () => {
    expect(encodeWith(codec({ encode: () => 'ä' }), 1)).toEqual(Buffer.from('ä'));
  });

  test('that fails is named, with the cause', () => {
    const broken = codec({ encode: fails, decode: fails });

    for (const [call, type] of [
      [() => encodeWith(broken, 1), UnencodableError],
      [() => decodeWith(broken, Buffer.of()), UndecodableError],
    ] as const) {
      expect(call).toThrow(type);
      expect(call).toThrow(/"own".*no form/);
    }
    const caught = caughtOf(() => encodeWith(broken, 1));
    expect(caught).toMatchObject({ cause: expect.any(TypeError) as unknown });
  });

  test('that returns neither text nor bytes is refused', () => {
    const broken = codec({ encode: () => 7 as unknown as string });

    expect(() => encodeWith(broken, 1)).toThrow(/"own" must return text or a Buffer, got number/);
  });
});
