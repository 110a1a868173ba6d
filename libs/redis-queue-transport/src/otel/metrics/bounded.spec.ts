import { expect, test } from '@jest/globals';
import { Bounded } from './bounded.js';

test('the first values are told apart, and all others are one', () => {
  const bounded = new Bounded(2, (value) => ({ value }));
  const [first, second] = [bounded.of('a'), bounded.of('b')];
  expect([first, second]).toEqual([{ value: 'a' }, { value: 'b' }]);
  expect(bounded.of('c')).toEqual({ value: '_OTHER' });
  expect(bounded.of('d')).toBe(bounded.of('c'));
  expect(bounded.of('a')).toBe(first);
});
