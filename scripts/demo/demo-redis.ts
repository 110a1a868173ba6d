import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { startRedis, withoutPassword } from 'local-redis';

export interface DemoRedis {
  readonly url: string;
  /** For people: where it is, without a password, and who started it. */
  readonly description: string;
  /** The command to look into it. */
  readonly cli: string;
  /** First part of the transport's keys. */
  readonly queuePrefix: string;
  /** First part of the keys of the services' own data. */
  readonly dataPrefix: string;
  readonly connection: Redis;
  /** Undefined for a server that the demo did not start and so must not kill. */
  readonly server: DemoServer | undefined;
  /** Leaves nothing behind: no server that the demo started, and no keys in another one. */
  stop(): Promise<void>;
}

export interface DemoServer {
  readonly pid: number;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again with what it has written to disk. Resolves when it has loaded that. */
  restart(): Promise<void>;
}

/** The Redis in REDIS_URL, or a private one that writes every command to its append-only file. */
export async function openDemoRedis(): Promise<DemoRedis> {
  const url = process.env['REDIS_URL'];
  return url === undefined || url === '' ? openPrivate() : openForeign(url);
}

async function openPrivate(): Promise<DemoRedis> {
  // `always`: everything that Redis has acknowledged is on disk, so killing it loses nothing.
  const server = await startRedis({ settings: { appendonly: 'yes', appendfsync: 'always' } });
  const connection = connect(server.url);
  return {
    url: server.url,
    description: `${server.url}, started for this demo, with an append-only file`,
    cli: `redis-cli -p ${server.port}`,
    queuePrefix: 'rq',
    dataPrefix: 'shop',
    connection,
    server,
    stop: async () => {
      connection.disconnect();
      await server.stop();
    },
  };
}

/** Somebody else's Redis: the demo uses a prefix that nobody else can have, and removes its keys. */
async function openForeign(url: string): Promise<DemoRedis> {
  const prefix = `demo-${randomBytes(4).toString('hex')}`;
  const connection = connect(url);
  // Only this event says why there is no connection.
  let reason = '';
  connection.on('error', (error: Error) => (reason = error.message));
  try {
    await connection.ping();
  } catch (cause) {
    connection.disconnect();
    throw new Error(
      `REDIS_URL is set, but no Redis responds there: ${reason || String(cause)}. Unset it to let the demo start its own.`,
      { cause },
    );
  }
  return {
    url,
    description: `${withoutPassword(url)}, the one in REDIS_URL; keys ${prefix}:*, removed at the end`,
    cli: 'redis-cli -u "$REDIS_URL"',
    queuePrefix: `${prefix}:rq`,
    dataPrefix: `${prefix}:shop`,
    connection,
    server: undefined,
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
