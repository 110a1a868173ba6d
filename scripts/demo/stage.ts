import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.js';
import { openDemoRedis, type DemoRedis } from './demo-redis.js';
import type { Display } from './display.js';
import { Ledger } from './ledger.js';
import { ShopRecords } from './shop-records.js';
import { Shop, type ServiceName } from './shop.js';
import { writeStockFile } from './stock-file.js';

/** All that runs for the demo, and the places where its books are kept. */
export interface Stage {
  readonly redis: DemoRedis;
  readonly shop: Shop;
  readonly ledger: Ledger;
  readonly records: ShopRecords;
}

export interface StageOptions {
  /** How often the order file is gone through. */
  readonly rounds: number;
  readonly display: Display;
  /** Gets a step for everything that is started, as soon as it is. */
  readonly cleanup: Cleanup;
  readonly signal: AbortSignal;
  readonly onCrash: (error: Error) => void;
}

/** Makes a reservation last: a backlog grows, and the kill finds messages under way. */
const WAREHOUSE_MS = 40;

export async function setUpStage(options: StageOptions): Promise<Stage> {
  const { rounds, display, cleanup, signal, onCrash } = options;
  const directory = await mkdtemp(join(tmpdir(), 'order-demo-'));
  cleanup.add(() => rm(directory, { recursive: true, force: true }));
  const stockFile = join(directory, 'stock.json');
  await writeStockFile(stockFile, rounds);

  const redis = await openDemoRedis();
  cleanup.add(() => redis.stop());
  display.note(
    `redis-server       ${redis.url}, keys ${redis.queuePrefix}:* and ${redis.dataPrefix}:*`,
  );

  const shop = new Shop({
    redisUrl: redis.url,
    queuePrefix: redis.queuePrefix,
    dataPrefix: redis.dataPrefix,
    environment: { STOCK_FILE: stockFile, WAREHOUSE_MS: String(WAREHOUSE_MS) },
    signal,
    onCrash,
  });
  cleanup.add(() => shop.close());
  await shop.open();
  display.note(`order-service      ${shop.address}, pid ${pidOf(shop, 'order-service')}`);
  display.note(`inventory-service  pid ${pidOf(shop, 'inventory-service')}`);

  return {
    redis,
    shop,
    ledger: new Ledger(),
    records: new ShopRecords(redis.connection, redis.dataPrefix, () => shop.address),
  };
}

function pidOf(shop: Shop, name: ServiceName): number | undefined {
  return shop.running(name)[0]?.pid;
}
