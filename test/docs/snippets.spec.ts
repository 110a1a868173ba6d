import { describe, expect, test } from '@jest/globals';
import { codeBlocks, documents, readText, region } from './markdown.js';

const FROM = /^from (?<path>[\w./-]+)#(?<name>[\w-]+)$/;

describe.each(await documents())('%s', (path) => {
  test('shows TypeScript only as it stands in a file that is compiled', async () => {
    for (const block of codeBlocks(await readText(path))) {
      if (!['ts', 'typescript'].includes(block.language)) continue;
      const from = FROM.exec(block.note ?? '')?.groups;
      if (from?.['path'] === undefined || from['name'] === undefined) {
        throw new Error(
          `${path}:${block.line} needs a comment <!-- from FILE#REGION --> above the block.`,
        );
      }
      expect(block.text).toBe(region(await readText(from['path']), from['name']));
    }
  });
});
