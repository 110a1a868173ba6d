import { startRedisServer } from './redis.js';
import type { BenchServer } from './server.js';

/** Measures on a Redis of its own, which is gone afterwards. */
export async function withRedis<T>(measure: (server: BenchServer) => Promise<T>): Promise<T> {
  const server = await startRedisServer('off');
  try {
    return await measure(server);
  } finally {
    await server.stop();
  }
}
