import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { brief } from './brief.js';

const bytes = randomBytes(300_000);
const other = Buffer.from(bytes);
other[150_000] = (other[150_000] ?? 0) ^ 1;
const numbers = Array.from({ length: 5_000 }, (_, index) => index);

describe('a comparison of brief descriptions', () => {
  test.each<[string, unknown, unknown]>([
    ['bytes', bytes, Buffer.from(bytes)],
    ['bytes within', { list: [bytes, { a: bytes }] }, { list: [bytes, { a: Buffer.from(bytes) }] }],
    ['a text', 'ä'.repeat(20_000), 'ä'.repeat(20_000)],
    ['many numbers', numbers, [...numbers]],
    ['small things', { a: [1, null, 'x', Buffer.of(1)] }, { a: [1, null, 'x', Buffer.of(1)] }],
  ])('passes for equal values: %s', (_, one, two) => {
    expect(brief(one)).toEqual(brief(two));
  });

  test.each<[string, unknown, unknown]>([
    ['in a bit', bytes, other],
    ['in a nested bit', { list: [bytes] }, { list: [other] }],
    ['because it is missing', [], [bytes]],
    ['in a character', 'ä'.repeat(20_000), `${'ä'.repeat(19_999)}a`],
    ['in the order', numbers, [...numbers].toSorted()],
  ])('fails with a short text if values differ %s', (_, one, two) => {
    expect(failureOf(() => expect(brief(one)).toEqual(brief(two)))).toMatch(/^.{20,1500}$/s);
  });
});

test.each<[string, unknown]>([
  ['bytes', bytes],
  ['bytes in a list', [bytes]],
  ['a text', 'a'.repeat(30_000)],
])('a comparison of a long value as it is is refused: %s', (_, value) => {
  expect(failureOf(() => expect(value).toEqual(value))).toContain('Compare brief(actual)');
  expect(failureOf(() => expect([]).toEqual([{ value }]))).toContain('Compare brief(actual)');
  expect(failureOf(() => expect(value).toStrictEqual(value))).toContain('Compare brief(actual)');
  expect(failureOf(() => expect({ value }).toMatchObject({ value }))).toContain('brief(actual)');
});

function failureOf(assertion: () => void): string {
  try {
    assertion();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'it passed';
}
