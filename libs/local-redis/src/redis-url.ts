import { fileURLToPath } from 'node:url';
import { joinSharedRedis } from './shared-redis.js';

/** How `redisUrl` finds a Redis. */
export interface RedisUrlOptions {
  /** Where `REDIS_URL` is looked up. Default: `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Where the shared server keeps its data. Default: `node_modules/.cache/local-redis`. */
  readonly directory?: string;
}

/** A Redis to talk to. */
export interface RedisUrl {
  readonly url: string;
  /** For people: where it is, without a password, and why this one was chosen. */
  readonly description: string;
  /** Call it when this process no longer needs the Redis. Idempotent. */
  stop(): Promise<void>;
}

/**
 * The Redis of `REDIS_URL` or, if that is not set, one that all processes of this checkout share: the first to ask
 * starts it, the others join, and it ends with the last of them, even if that is killed. Its data outlives it. A
 * process that does not call `stop` counts as a user until it ends.
 */
export async function redisUrl(options: RedisUrlOptions = {}): Promise<RedisUrl> {
  const { environment = process.env, directory = checkoutDirectory } = options;
  const given = environment['REDIS_URL'];
  if (given) {
    const description = `${withoutPassword(given)}, from REDIS_URL`;
    return { url: given, description, stop: () => Promise.resolve() };
  }
  const shared = await joinSharedRedis(directory);
  const url = `redis://127.0.0.1:${shared.port}`;
  return {
    url,
    description: `${url}, shared by this checkout; set REDIS_URL to use another`,
    stop: () => {
      shared.leave();
      return Promise.resolve();
    },
  };
}

/** A URL that may be printed. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return 'an address that is not a URL';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

// Both the sources and the compiled files stand three levels below the root of the checkout.
const checkoutDirectory = fileURLToPath(
  new URL('../../../node_modules/.cache/local-redis', import.meta.url),
);
