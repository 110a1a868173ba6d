import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readStockFile } from './stock-file.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stock-spec-'));
});

afterEach(() => rm(directory, { recursive: true }));

async function read(content: string): Promise<unknown> {
  const path = join(directory, 'stock.json');
  await writeFile(path, content);
  return readStockFile(path);
}

test('a stock file is read without what only people need', async () => {
  expect(await read('[{ "sku": "TEA-100", "name": "Tea", "units": 3 }]')).toEqual([
    { sku: 'TEA-100', units: 3 },
  ]);
});

test.each([
  ['{}', 'must hold a JSON array'],
  ['[{ "sku": "TEA-100" }]', 'item 1 needs a sku and a whole number of units from 0'],
  ['[{ "sku": "TEA-100", "units": 1 }, { "sku": "", "units": 1 }]', 'item 2 needs'],
  ['[{ "sku": "TEA-100", "units": -1 }]', 'item 1 needs'],
  ['[{ "sku": "TEA-100", "units": 1.5 }]', 'item 1 needs'],
  ['[null]', 'item 1 needs'],
])('%s is refused with the reason', async (content, reason) => {
  await expect(read(content)).rejects.toThrow(reason);
});
