import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { contents } from '../../scripts/site/contents.js';
import { deadLinks } from '../../scripts/site/links.js';
import { sitePages } from '../../scripts/site/pages.js';
import { inRepository } from './markdown.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'site-'));
});

afterEach(() => rm(folder, { recursive: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

describe('the pages of the site', () => {
  test('link to each other from their new places', async () => {
    await write({
      'README.md': '[docs](docs/README.md#learn)',
      'docs/README.md':
        '[front](../README.md) [one](guides/one.md) [web](https://example.com/a.md)',
      'docs/guides/one.md': '[index](../README.md) [picture](a.svg) [self](#self)',
      'docs/guides/a.svg': '<svg/>',
    });

    const pages = await sitePages(folder);

    expect(Object.fromEntries(pages.map(({ path, content }) => [path, String(content)]))).toEqual({
      'index.md': '[docs](./documentation.md#learn)',
      'documentation.md':
        '[front](./index.md) [one](./guides/one.md) [web](https://example.com/a.md)',
      'guides/one.md': '[index](../documentation.md) [picture](./a.svg) [self](#self)',
      'guides/a.svg': '<svg/>',
    });
  });

  test('show the source files and folders that they link to', async () => {
    await write({
      'docs/README.md': '[file](../examples/a.ts) [folder](../examples/python)',
      'examples/a.ts': 'one();\n',
      'examples/python/b.py': 'two()\n',
    });

    const pages = await sitePages(folder);

    const page = (path: string): string => String(pages.find((one) => one.path === path)?.content);
    expect(page('documentation.md')).toBe(
      '[file](./sources/examples/a.ts.md) [folder](./sources/examples/python/index.md)',
    );
    expect(page('sources/examples/a.ts.md')).toContain('```ts\none();\n```');
    expect(page('sources/examples/python/index.md')).toContain('## b.py\n\n````python\ntwo()\n```');
  });

  test('are all documents of this project', async () => {
    const pages = await sitePages(inRepository('.'));

    const sources = pages.map(({ source }) => source);
    expect(sources).toEqual(
      expect.arrayContaining(['README.md', 'CHANGELOG.md', 'docs/events.md']),
    );
  });
});

test('the contents beside a page are the headings of the index and their links', () => {
  const index =
    '# Docs\n\n[x](x.md)\n\n## Learn\n\n1. [`a` first](a.md)\n2. [rooms](b/index.md#c)\n';

  expect(contents(index)).toEqual([
    {
      text: 'Learn',
      items: [
        { text: 'A first', link: '/a' },
        { text: 'Rooms', link: '/b/#c' },
      ],
    },
  ]);
});

test('links of the built site that lead to no page or heading are found', async () => {
  await write({
    'index.html': '<a href="/one.html#here"><a href="./folder/"><a href="https://example.com/x">',
    'one.html': '<h2 id="here"><a href="#gone"><a href="./nowhere.html"><img src="a.svg">',
    'folder/index.html': '<a href="../one#here"><a href="../one.html#gone">',
  });

  expect(await deadLinks(folder)).toEqual([
    'folder/index.html: ../one.html#gone',
    'one.html: #gone',
    'one.html: ./nowhere.html',
    'one.html: a.svg',
  ]);
});
