import { fileURLToPath } from 'node:url';
import { readText, readWholeNumber, type Environment } from './environment.js';

/** Everything that an operator may set, read from the environment once, at start. */
export class InventoryConfig {
  /** `HOST` and `PORT` of `/health` and `/metrics`; port 0, the default, takes a free one. */
  readonly host: string;
  readonly port: number;
  /** `QUEUE_PREFIX`: first part of every key of the transport; both services need the same. */
  readonly queuePrefix: string;
  /** `DATA_PREFIX`: first part of the keys of this service's own data. */
  readonly dataPrefix: string;
  /** `CONCURRENCY`: how many reservations run at once in one process. */
  readonly concurrency: number;
  /** `LEASE_MS`: how long after a crash another process takes over what this one held. */
  readonly leaseMs: number;
  /** `WAREHOUSE_MS`: how long the imitated warehouse system takes to answer. */
  readonly warehouseMs: number;
  /** `STOCK_FILE`: the stock of an empty Redis. */
  readonly stockFile: string;

  constructor(
    /** `REDIS_URL`, or the server that was started because it is not set. */
    readonly redisUrl: string,
    environment: Environment,
  ) {
    this.host = readText(environment, 'HOST', '127.0.0.1');
    this.port = readWholeNumber(environment, 'PORT', { fallback: 0, min: 0, max: 65_535 });
    this.queuePrefix = readText(environment, 'QUEUE_PREFIX', 'rq');
    this.dataPrefix = readText(environment, 'DATA_PREFIX', 'shop');
    this.concurrency = readWholeNumber(environment, 'CONCURRENCY', {
      fallback: 10,
      min: 1,
      max: 1_000,
    });
    this.leaseMs = readWholeNumber(environment, 'LEASE_MS', {
      fallback: 5_000,
      min: 1_000,
      max: 600_000,
    });
    this.warehouseMs = readWholeNumber(environment, 'WAREHOUSE_MS', {
      fallback: 0,
      min: 0,
      max: 60_000,
    });
    this.stockFile = readText(environment, 'STOCK_FILE', defaultStockFile());
  }
}

/** `src` and `dist` are side by side, so one path works for both. */
function defaultStockFile(): string {
  return fileURLToPath(new URL('../../data/stock.json', import.meta.url));
}
