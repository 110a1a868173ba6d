import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path/posix';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { codeBlocks, documents, inRepository, readText } from './markdown.js';

const SOURCES = 'libs/redis-queue-transport/src';
/** Without the addresses of links. */
const MOST_IN_A_CELL = 100;
const OTHERS = ['docs/coming-from/', 'docs/recipes/wait-in-tests.md'];
const OTHER_WORDS = /\b(jobs?|tasks?|workers?|processors?|stalled|visibility timeout|nack)\b/i;

describe.each(await documents())('%s', (path) => {
  let markdown: string;
  let prose: string;

  beforeAll(async () => {
    markdown = await readText(path);
    prose = codeBlocks(markdown).reduce((text, block) => text.replace(block.text, ''), markdown);
  });

  test('link to files and headings that exist', async () => {
    const broken: string[] = [];
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = '', heading] = target.split('#');
      const linked = file === '' ? path : join(dirname(path), file);
      if (!existsSync(inRepository(linked))) broken.push(target);
      else if (heading !== undefined && !(await anchors(linked)).includes(heading)) {
        broken.push(target);
      }
    }
    expect(broken).toEqual([]);
  });

  test('name files that exist', () => {
    const named = [...prose.matchAll(/`([\w./-]+\.(?:ts|js|json|sh))`/g)].map(
      ([, file = '']) => file,
    );
    const folders = ['', dirname(path), SOURCES];
    const missing = named.filter(
      (file) => !folders.some((folder) => existsSync(inRepository(join(folder, file)))),
    );
    expect(missing).toEqual([]);
  });

  test('have no table with cells that do not fit on a screen', () => {
    const cells = prose
      .split('\n')
      .filter((line) => line.startsWith('|') && !/^[|\s:-]+$/.test(line))
      .flatMap((line) => line.split(/(?<!\\)\|/).slice(1, -1))
      .map((cell) => cell.replaceAll(/\]\([^)]*\)/g, ']').trim());
    expect(cells.filter((cell) => cell.length > MOST_IN_A_CELL)).toEqual([]);
  });

  test('use only the words of the project', () => {
    // These pages say which word is called what here.
    if (OTHERS.some((other) => path.startsWith(other))) return;
    expect(OTHER_WORDS.exec(prose)?.[0]).toBeUndefined();
  });
});

test('the README is short', async () => {
  expect((await readText('README.md')).trim().split(/\s+/).length).toBeLessThanOrEqual(1_200);
});

test('the index of docs leads to every page, or to the index of its folder', async () => {
  const index = await readText('docs/README.md');
  const pages = (await documents()).filter((path) => path.startsWith('docs/'));
  const missing = pages
    .map((path) => path.slice('docs/'.length).replace(/^(recipes|decisions)\/.*/, '$1/README.md'))
    .filter((page) => page !== 'README.md' && !index.includes(`](${page})`));
  expect(missing).toEqual([]);
});

/** The anchor that GitHub makes of a heading. */
async function anchors(path: string): Promise<string[]> {
  const markdown = await readText(path);
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}

test('docs/architecture.md has a line for each room of the sources', async () => {
  const [tree = ''] = codeBlocks(await readText('docs/architecture.md')).map(({ text }) => text);
  const listed: string[] = [];
  let layer = '';
  for (const [, indent = '', folder = ''] of tree.matchAll(/^( +)([a-z-]+)\/ +\S/gm)) {
    if (indent.length === 2) layer = folder;
    listed.push(indent.length === 2 ? folder : `${layer}/${folder}`);
  }
  const entries = await readdir(inRepository(SOURCES), { withFileTypes: true, recursive: true });
  const rooms = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => relative(inRepository(SOURCES), join(entry.parentPath, entry.name)));
  expect(listed.sort()).toEqual(rooms.sort());
});
