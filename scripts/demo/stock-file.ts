import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageDirectory } from './package-directory.js';

interface StockItem {
  readonly sku: string;
  readonly units: number;
}

/**
 * Writes the stock for so many rounds of the order file. The stock of inventory-service is meant
 * for one; after 25 of them nearly every order would be rejected, and the demo would show little.
 */
export async function writeStockFile(path: string, rounds: number): Promise<void> {
  const source = join(packageDirectory('inventory-service'), 'data', 'stock.json');
  const items = JSON.parse(await readFile(source, 'utf8')) as StockItem[];
  await writeFile(
    path,
    JSON.stringify(items.map((item) => ({ ...item, units: item.units * rounds }))),
  );
}
