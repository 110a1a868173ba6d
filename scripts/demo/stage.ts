import type { Cleanup } from './cleanup.js';
import { openDemoRedis, type DemoRedis } from './demo-redis.js';
import { Ledger } from './ledger.js';
import { ShopRecords } from './shop-records.js';
import { Shop } from './shop.js';
import { fillStock } from './stock.js';

/** Everything that runs for the demo, and the places where its books are kept. */
export interface Stage {
  readonly redis: DemoRedis;
  readonly shop: Shop;
  readonly ledger: Ledger;
  readonly records: ShopRecords;
}

export interface StageOptions {
  /** How many times the order file is used. */
  readonly rounds: number;
  /** Gets a step for everything that is started, as soon as that happens. */
  readonly cleanup: Cleanup;
  readonly signal: AbortSignal;
  /** When it fires, processes that are being stopped are killed instead. */
  readonly hurry: AbortSignal;
  readonly onCrash: (error: Error) => void;
  /** Variables for both services, in place of those of the story. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How long an order by transfer waits for its money: longer than the services and Redis are down. */
export const PAY_WITHIN_MS = 20_000;
/** How long it takes until the messages of a killed process are handed out again. */
export const LEASE_MS = 5_000;

const story = {
  // Reservations take some time, so that a backlog grows, and a kill finds messages under way.
  WAREHOUSE_MS: '40',
  // One in five calls to the payment provider gets no answer.
  PAYMENT_FAILS_EVERY: '5',
  PAY_WITHIN_MS: String(PAY_WITHIN_MS),
  LEASE_MS: String(LEASE_MS),
};

/** A Redis with a stock in it, and a shop that is still closed. */
export async function setUpStage(options: StageOptions): Promise<Stage> {
  const { rounds, cleanup, signal, hurry, onCrash } = options;
  const redis = await openDemoRedis();
  cleanup.add(() => redis.stop());
  signal.throwIfAborted();
  await fillStock(redis, rounds);

  const { url: redisUrl, queuePrefix, dataPrefix } = redis;
  const environment = { ...story, ...options.environment };
  const shop = new Shop({ redisUrl, queuePrefix, dataPrefix, environment, signal, onCrash });
  cleanup.add(() => shop.close(hurry));
  return {
    redis,
    shop,
    ledger: new Ledger(),
    records: new ShopRecords(redis.connection, dataPrefix, () => shop.address),
  };
}
