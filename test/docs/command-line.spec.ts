import { beforeAll, expect, test } from '@jest/globals';
import { COMMANDS } from '../../libs/redis-queue-transport/src/cli/commands.js';
import { EXIT } from '../../libs/redis-queue-transport/src/cli/words/exit-code.js';
import { readText, tableBelow } from './markdown.js';

let page: string;

beforeAll(async () => {
  page = await readText('docs/command-line.md');
});

test('docs/command-line.md lists every command as its help does', () => {
  const listed = tableBelow(page, 'Commands').map(([name = '', about]) => [
    name.replaceAll('`', ''),
    about,
  ]);
  expect(listed).toEqual(COMMANDS.map(({ name, about }) => [name, about]));
});

test('docs/command-line.md lists every exit code', () => {
  const listed = tableBelow(page, 'Exit codes').map(([code]) => Number(code));
  expect(listed).toEqual(Object.values(EXIT));
});
