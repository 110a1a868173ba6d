import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UndecodableError, UnencodableError } from '../errors/data-errors.js';
import { decodeJson, decodeJsonOrText, encodeJson } from './json.js';

describe('JSON bodies', () => {
  test('carry every JSON value there and back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const body = Buffer.from(encodeJson(value));
        expect(JSON.stringify(decodeJson(body))).toBe(JSON.stringify(value));
      }),
    );
  });

  test('tell undefined from null', () => {
    expect(encodeJson(undefined)).toBe('');
    expect(decodeJson(Buffer.from(''))).toBeUndefined();
    expect(decodeJson(Buffer.from(encodeJson(null)))).toBeNull();
  });

  test('refuse to write what JSON cannot represent', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    for (const value of [1n, circle, { deep: [2n] }])
      expect(() => encodeJson(value)).toThrow(UnencodableError);
  });

  test.each([
    ['no JSON', Buffer.from('{a:1}')],
    ['two values', Buffer.from('1\n2')],
    ['no UTF-8', Buffer.from([0x22, 0xc3, 0x22])],
  ])('refuse to read %s', (_what, body) => {
    expect(() => decodeJson(body)).toThrow(UndecodableError);
  });
});

describe('bodies of programs that may not write JSON', () => {
  test.each([
    ['JSON', '{"a":[1]}', { a: [1] }],
    ['a number', '12', 12],
    ['text', 'Good morning, Jürgen', 'Good morning, Jürgen'],
    ['half of an object', '{"a":', '{"a":'],
    ['nothing', '', undefined],
  ])('are read as what they are: %s', (_what, body, value) => {
    expect(decodeJsonOrText(Buffer.from(body))).toEqual(value);
  });

  test('are refused if they are not text', () => {
    expect(() => decodeJsonOrText(Buffer.from([0x22, 0xc3, 0x22]))).toThrow(UndecodableError);
  });
});

test.each([
  ['function', () => 1],
  ['symbol', Symbol('a')],
  ['object', { toJSON: () => undefined }],
])('a %s that JSON leaves out is refused, and not sent as nothing', (kind, value) => {
  expect(() => encodeJson(value)).toThrow(`JSON has no form for values of type ${kind}`);
});
