import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { codeBlocks, documents, inRepository, readText, region } from './markdown.js';
import type { CodeBlock } from './markdown.js';

const FROM = /^from (?<path>[\w./-]+?)(?:#(?<name>[\w-]+))?$/;
const SHOWN = ['ts', 'typescript', 'python', 'lua'];

/** Writes the code into the documents instead of comparing it. */
const IS_UPDATE = process.env['UPDATE_SNIPPETS'] !== undefined;

async function sourceOf(path: string, block: CodeBlock): Promise<string> {
  const from = FROM.exec(block.note ?? '')?.groups;
  if (from?.['path'] === undefined) {
    throw new Error(
      `${path}:${block.line} needs a comment <!-- from FILE#REGION --> above the block, or <!-- from FILE -->.`,
    );
  }
  const source = await readText(from['path']);
  const { name } = from;
  return name === undefined ? source.trimEnd() : region(source, name);
}

describe.each(await documents())('%s', (path) => {
  test('shows code only as it is in a file that is compiled or run', async () => {
    const markdown = await readText(path);
    const shown = codeBlocks(markdown).filter(({ language }) => SHOWN.includes(language));
    const lines = markdown.split('\n');
    for (const block of shown.toReversed()) {
      const source = await sourceOf(path, block);
      if (!IS_UPDATE) expect(block.text).toBe(source);
      lines.splice(block.line, block.lines, ...source.split('\n'));
    }
    if (IS_UPDATE) await writeFile(inRepository(path), lines.join('\n'));
  });
});
