import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { connectionSource } from '../../open-broker.js';
import type { ConnectionOption, ConnectionSource } from '../../open-broker.js';
import { openAdmin } from '../../open-broker.js';
import type { AdminBroker } from '../../core/admin/admin-broker.js';
import { isBrokerSource } from '../../core/source/broker-source.js';
import { Dead } from './dead.js';
import { Traffic } from './traffic.js';
import { WatchedSource } from './watched-source.js';

/** How long, in ms, the kit waits for a Redis. */
const CONNECT_WITHIN_MS = 5_000;

const KEYS_AT_A_TIME = 1_000;

/** Where the apps of one kit meet, apart from everybody else: a store or a Redis, and a prefix of their own. */
export class KitPlace {
  readonly prefix = `test-${randomBytes(6).toString('hex')}`;
  readonly traffic = new Traffic();
  readonly #connection: ConnectionSource;
  readonly #admin: AdminBroker;
  readonly #dead: Dead;

  /** @throws InvalidOptionError */
  constructor(connection: ConnectionOption) {
    this.#connection = connectionSource(connection);
    const settings = { prefix: this.prefix, connectTimeoutMs: CONNECT_WITHIN_MS };
    this.#admin = openAdmin({ connection: this.#connection, ...settings });
    this.#dead = new Dead(this.#admin);
  }

  /** The connection for one app. */
  source(): WatchedSource {
    return new WatchedSource(this.#connection, this.traffic, this.#dead);
  }

  /** Leaves nothing behind in a Redis. A store goes with those who hold it. */
  async close(): Promise<void> {
    await this.#admin.close();
    if (isBrokerSource(this.#connection)) return;
    const redis = this.#connection({ lazyConnect: true, connectionName: 'rq-test-kit' });
    try {
      await redis.connect();
      await removeKeys(redis, `${this.prefix}:*`);
    } finally {
      redis.disconnect();
    }
  }
}

async function removeKeys(redis: Redis, pattern: string): Promise<void> {
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', KEYS_AT_A_TIME);
    cursor = next;
    if (keys.length > 0) await redis.unlink(...keys);
  } while (cursor !== '0');
}
