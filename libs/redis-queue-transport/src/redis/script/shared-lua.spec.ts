import { expect, test } from '@jest/globals';
import { SharedLua, textsOf } from './shared-lua.js';

const FIRST = new SharedLua('\nlocal function first() end\n');
const SECOND = new SharedLua('local function second() first() end', ['waiting'], [FIRST]);
const THIRD = new SharedLua('local function third() first() end', [], [FIRST]);

test('what is needed comes first, and each comes once', () => {
  expect(textsOf([SECOND, THIRD, FIRST], ['waiting'])).toEqual([
    'local function first() end',
    'local function second() first() end',
    'local function third() first() end',
  ]);
});

test('a script that lacks a key which it uses is refused', () => {
  expect(() => textsOf([SECOND], ['delayed'])).toThrow(
    'Shared Lua uses waiting: name them in the script.',
  );
});
