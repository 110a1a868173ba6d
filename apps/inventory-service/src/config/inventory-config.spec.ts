import { expect, test } from '@jest/globals';
import { readStockFile } from '../stock/stock-file.js';
import { InventoryConfig } from './inventory-config.js';

test('without any variable the stock is the one that comes with the service', async () => {
  const { stockFile } = new InventoryConfig('redis://unused', {});
  expect(await readStockFile(stockFile)).toContainEqual({ sku: 'JAM-FIG', units: 0 });
});

test('text that is not a number is refused with the reason', () => {
  expect(() => new InventoryConfig('redis://unused', { CONCURRENCY: 'ten' })).toThrow(
    'CONCURRENCY must be a whole number from 1 to 1000, got "ten"',
  );
});
