import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis, type LocalRedis } from 'local-redis';
import { Ledger } from '../../scripts/demo/ledger.js';
import { ShopRecords, type SentEmail } from '../../scripts/demo/shop-records.js';
import { Shop } from '../../scripts/demo/shop.js';
import type { Stage } from '../../scripts/demo/stage.js';
import { QueueView } from './queue-view.js';

/** An order as order-service returns it. The tests check its fields. */
export interface OrderView {
  readonly id: string;
  readonly status: string;
  readonly reason?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** Decoded JSON, which the tests check. */
  readonly body: unknown;
}

/** Units at the start, by SKU. */
export type Stock = Readonly<Record<string, number>>;

/** The two services, compiled and in processes of their own, on a redis-server of their own. */
export class ShopRig {
  readonly #ledger = new Ledger();

  private constructor(
    readonly redis: LocalRedis,
    readonly commands: Redis,
    readonly shop: Shop,
    private readonly directory: string,
  ) {}

  /**
   * Ends everything except Redis.
   * @param reach the address that the services get for Redis
   */
  static async open(
    stock: Stock,
    environment: Record<string, string> = {},
    reach: (redis: LocalRedis) => string | Promise<string> = ({ url }) => url,
  ): Promise<ShopRig> {
    const redis = await startRedis({ settings: { appendonly: 'yes', appendfsync: 'always' } });
    const directory = await mkdtemp(join(tmpdir(), 'order-flow-'));
    const stockFile = join(directory, 'stock.json');
    const items = Object.entries(stock).map(([sku, units]) => ({ sku, units }));
    await writeFile(stockFile, JSON.stringify(items));
    const commands = new Redis(redis.url);
    commands.on('error', () => undefined); // a test stops this Redis
    const shop = new Shop({
      redisUrl: await reach(redis),
      environment: { STOCK_FILE: stockFile, LEASE_MS: '1000', ...environment },
    });
    return new ShopRig(redis, commands, shop, directory);
  }

  async close(): Promise<void> {
    try {
      await this.shop.close();
    } finally {
      this.commands.disconnect();
      await this.redis.stop();
      await rm(this.directory, { recursive: true, force: true });
    }
  }

  /** For the audit of the demo. */
  get stage(): Stage {
    const { commands, shop } = this;
    return {
      redis: {
        url: this.redis.url,
        description: this.redis.url,
        cli: 'redis-cli',
        server: this.redis,
        queuePrefix: 'rq',
        dataPrefix: 'shop',
        connection: commands,
        stop: () => this.redis.stop(),
      },
      shop,
      ledger: this.#ledger,
      records: this.#records,
    };
  }

  get reservations(): QueueView {
    return new QueueView(this.commands, 'rq', 'inventory.reserve');
  }

  get #records(): ShopRecords {
    return new ShopRecords(this.commands, 'shop', () => this.shop.address);
  }

  async get(path: string): Promise<HttpAnswer> {
    return readAnswer(await fetch(`${this.shop.address}${path}`));
  }

  /** A text is sent as it is, everything else as JSON. */
  async post(path: string, body: unknown): Promise<HttpAnswer> {
    const response = await fetch(`${this.shop.address}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return readAnswer(response);
  }

  async order(id: string): Promise<OrderView> {
    return (await this.get(`/orders/${id}`)).body as OrderView;
  }

  async unitsOf(sku: string): Promise<number> {
    return ((await this.get(`/stock/${sku}`)).body as { units: number }).units;
  }

  async emailsAbout(orderId: string): Promise<SentEmail[]> {
    return (await this.#records.emails()).filter((email) => email.orderId === orderId);
  }
}

async function readAnswer(response: Response): Promise<HttpAnswer> {
  return { status: response.status, body: await response.json() };
}
