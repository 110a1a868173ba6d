import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { printable } from '../../core/message/printable.js';
import { PrintableLogger } from './printable-logger.js';

let lines: unknown[][];

beforeEach(() => {
  lines = [];
  const keep = (...words: unknown[]): void => void lines.push(words);
  Logger.overrideLogger({ log: keep, warn: keep, error: keep, debug: keep });
});

afterEach(() => {
  Logger.overrideLogger(false);
});

test.each([
  ['a line end', 'a\r\n[Nest] 1 - LOG all is well', 'a\\r\\n[Nest] 1 - LOG all is well'],
  ['a sequence for the terminal', '\u001b[2Jgone', '\\u001b[2Jgone'],
  ['one of a single character', '\u009b31m', '\\u009b31m'],
  ['a change of direction', 'a\u202eb', 'a\\u202eb'],
  ['text of any language', 'Grüße, 世界 🚀 "\\', 'Grüße, 世界 🚀 "\\'],
])('%s is written so that it stays on one line', (_what, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('every level writes texts on one line, and keeps the lines of stacks', () => {
  const logger = new PrintableLogger('Test');
  const error = new Error('no\nway\u001b[31m');
  for (const level of ['log', 'warn', 'debug'] as const) logger[level]('a\nb');
  logger.error(`failed: ${error.message}`, error.stack);
  logger.error(error);

  expect(lines.slice(0, 3).map(([text]) => text)).toEqual(['a\\nb', 'a\\nb', 'a\\nb']);
  for (const [text, stack] of lines.slice(3)) {
    expect(text).toMatch(/no\\nway\\u001b\[31m$/);
    const [first, ...others] = String(stack).split('\n');
    expect(first).toBe('Error: no\\nway\\u001b[31m');
    expect(others.length).toBeGreaterThan(1);
    for (const line of others) expect(line).toMatch(/^ {4}at /);
  }
});
