import { expect, test } from '@jest/globals';
import { RowLua } from './rows.js';

test('a loop over rows has a local for each value, in the order of their names', () => {
  const row = new RowLua(['element', 'dueMs', 'id']);
  expect(row.each).toBe(
    'for i = FIRST, #ARGV, 3 do local element, dueMs, id = ARGV[i + 0], ARGV[i + 1], ARGV[i + 2]',
  );
});

test('a row of one value is that value', () => {
  expect(new RowLua(['entry']).each).toBe('for i = FIRST, #ARGV, 1 do local entry = ARGV[i + 0]');
});
