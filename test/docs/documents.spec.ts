import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { codeBlocks, documents, inRepository, readText } from './markdown.js';

const SOURCES = 'libs/redis-queue-transport/src';
const OTHER_WORDS = /\b(jobs?|tasks?|workers?|processors?|stalled|visibility timeout|nack)\b/i;

describe.each(await documents())('%s', (path) => {
  let markdown: string;
  let prose: string;

  beforeAll(async () => {
    markdown = await readText(path);
    prose = codeBlocks(markdown).reduce((text, block) => text.replace(block.text, ''), markdown);
  });

  test('links to files and headings that exist', async () => {
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

  test('names files that exist', () => {
    const named = [...prose.matchAll(/`([\w./-]+\.(?:ts|js|json|sh))`/g)].map(
      ([, file = '']) => file,
    );
    const folders = ['', dirname(path), SOURCES];
    const missing = named.filter(
      (file) => !folders.some((folder) => existsSync(inRepository(join(folder, file)))),
    );
    expect(missing).toEqual([]);
  });

  test('keeps to the words of the project', () => {
    expect(OTHER_WORDS.exec(prose)?.[0]).toBeUndefined();
  });
});

/** As GitHub makes them of headings. */
async function anchors(path: string): Promise<string[]> {
  const markdown = await readText(path);
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
