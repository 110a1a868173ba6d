import { expect, test } from '@jest/globals';
import { Running } from './running.js';

test('lists what runs in the order in which it began', () => {
  const running = new Running<string>();
  const [, b] = ['a', 'b', 'c'].map((name) => running.begin(name));
  running.end(b!);
  running.begin('d');
  expect(running.items()).toEqual(['a', 'c', 'd']);
  expect(running.size).toBe(3);
});

test('stays right while many begin and end', () => {
  const running = new Running<string>();
  const first = running.begin('first');
  for (let n = 0; n < 1_000; n += 1) running.end(running.begin(`${n}`));
  running.begin('last');
  expect(running.items()).toEqual(['first', 'last']);
  expect(running.end(first)).toBe(true);
  expect(running.size).toBe(1);
});

test('knows that a run was ended together with all others', () => {
  const running = new Running<string>();
  const a = running.begin('a');
  expect(running.endAll()).toEqual(['a']);
  expect(running.end(a)).toBe(false);
  expect(running.size).toBe(0);
});
