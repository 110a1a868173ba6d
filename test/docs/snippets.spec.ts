import { describe, expect, test } from '@jest/globals';
import { codeBlocks, documents, readText, region } from './markdown.js';

const FROM = /^from (?<path>[\w./-]+?)(?:#(?<name>[\w-]+))?$/;
const SHOWN = ['ts', 'typescript', 'python', 'lua'];

describe.each(await documents())('%s', (path) => {
  test('shows code only as it stands in a file that is compiled or run', async () => {
    for (const block of codeBlocks(await readText(path))) {
      if (!SHOWN.includes(block.language)) continue;
      const from = FROM.exec(block.note ?? '')?.groups;
      if (from?.['path'] === undefined) {
        throw new Error(
          `${path}:${block.line} needs a comment <!-- from FILE#REGION --> above the block, or <!-- from FILE -->.`,
        );
      }
      const source = await readText(from['path']);
      const { name } = from;
      expect(block.text).toBe(name === undefined ? source.trimEnd() : region(source, name));
    }
  });
});
