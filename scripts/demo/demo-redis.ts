import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { startRedis } from 'local-redis';

export interface DemoRedis {
  readonly url: string;
  /** First part of the transport's keys. */
  readonly queuePrefix: string;
  /** First part of the keys of the services' own data. */
  readonly dataPrefix: string;
  readonly connection: Redis;
  /** Leaves nothing behind: no server that was started here, no key in one that was not. */
  stop(): Promise<void>;
}

/** The Redis in REDIS_URL, or a private one that writes every command to its append-only file. */
export async function openDemoRedis(): Promise<DemoRedis> {
  const url = process.env['REDIS_URL'];
  return url === undefined || url === '' ? openPrivate() : openForeign(url);
}

async function openPrivate(): Promise<DemoRedis> {
  const server = await startRedis({ settings: { appendonly: 'yes' } });
  const connection = connect(server.url);
  return {
    url: server.url,
    queuePrefix: 'rq',
    dataPrefix: 'shop',
    connection,
    stop: async () => {
      connection.disconnect();
      await server.stop();
    },
  };
}

/** Somebody else's: the demo keeps to a prefix that nobody else can have, and removes it. */
async function openForeign(url: string): Promise<DemoRedis> {
  const prefix = `demo-${randomBytes(4).toString('hex')}`;
  const connection = connect(url);
  try {
    await connection.ping();
  } catch (cause) {
    connection.disconnect();
    throw new Error(`REDIS_URL is set, but no Redis answers there: ${String(cause)}`, { cause });
  }
  return {
    url,
    queuePrefix: `${prefix}:rq`,
    dataPrefix: `${prefix}:shop`,
    connection,
    stop: async () => {
      await removeKeys(connection, `${prefix}:*`);
      connection.disconnect();
    },
  };
}

function connect(url: string): Redis {
  const connection = new Redis(url, { maxRetriesPerRequest: 2, commandTimeout: 10_000 });
  // Each command reports its own failure; without a listener ioredis prints it a second time.
  connection.on('error', () => undefined);
  return connection;
}

async function removeKeys(connection: Redis, pattern: string): Promise<void> {
  const keys = connection.scanStream({ match: pattern, count: 1_000 }) as AsyncIterable<string[]>;
  for await (const batch of keys) {
    if (batch.length > 0) await connection.unlink(...batch);
  }
}
