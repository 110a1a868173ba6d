import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DemoRedis } from './demo-redis.js';
import { packageDirectory } from './package-directory.js';

export interface StockItem {
  readonly sku: string;
  readonly units: number;
}

/**
 * Fills the stock for that many rounds of the order file. The stock that comes with inventory-service is meant for one
 * round: after 25 rounds nearly every order would be rejected, and the demo would show little.
 */
export async function fillStock(redis: DemoRedis, rounds: number): Promise<void> {
  const source = join(packageDirectory('inventory-service'), 'data', 'stock.json');
  const items = JSON.parse(await readFile(source, 'utf8')) as StockItem[];
  await enterItems(
    redis,
    items.map(({ sku, units }) => ({ sku, units: units * rounds })),
  );
}

/** Puts new items into the books of inventory-service. */
export async function enterItems(
  { connection, dataPrefix }: DemoRedis,
  items: readonly StockItem[],
): Promise<void> {
  const units = items.flatMap((item) => [item.sku, item.units]);
  await connection
    .multi()
    .hset(`${dataPrefix}:{stock}:units`, ...units)
    .hset(`${dataPrefix}:{stock}:seeded`, ...units)
    .exec();
}
