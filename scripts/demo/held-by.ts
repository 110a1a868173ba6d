import type { DemoRedis } from './demo-redis.js';

/**
 * How many messages one process holds, of one queue or of all. A consumer's name contains the id of its process, and
 * what it holds is in a list with that name.
 */
export async function countHeldBy(
  { connection: redis, queuePrefix }: DemoRedis,
  pid: number,
  queue = '*',
): Promise<number> {
  const lists = new Set<string>();
  const match = `${queuePrefix}:{${queue}}:processing:*-${pid}-*`;
  const batches = redis.scanStream({ match, count: 1_000 });
  for await (const batch of batches as AsyncIterable<string[]>) {
    for (const key of batch) lists.add(key);
  }
  const lengths = await Promise.all([...lists].map((key) => redis.llen(key)));
  return lengths.reduce((sum, length) => sum + length, 0);
}
