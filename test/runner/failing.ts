import { expect, test } from '@jest/globals';

/** Only `reporter.spec.ts` runs this. */
const image = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));

test("what's long (and fails)", () => {
  expect(Array.from({ length: 30_000 }, (_, index) => index)).toEqual([1]);
});

test.each<[string, unknown, unknown]>([
  ['as what it should be', 'short', image],
  ['as what it is', image, Buffer.from('short')],
  ['as a part of what it is', [{ image }], [{ image: 'short' }]],
])('a comparison of something very long, %s', (_, actual, expected) => {
  expect(actual).toEqual(expected);
});

test('a short one', () => {
  expect(1).toBe(2);
});

test.each(Array.from({ length: 30 }, (_, index) => index))('number %d', (index) => {
  expect(index).toBe(-1);
});
