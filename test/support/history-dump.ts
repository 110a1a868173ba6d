import type { Redis } from 'ioredis';
import { idOf } from './element.js';
import { queueKey } from './queue-dump.js';

const PAGE = 1_000;

/** The ids of the events in the history of a pattern, oldest first. */
export async function historyIds(redis: Redis, prefix: string, pattern: string): Promise<string[]> {
  const key = queueKey(prefix, pattern, 'history');
  const ids: string[] = [];
  for (let from = '-'; ;) {
    const page = await redis.xrangeBuffer(key, from, '+', 'COUNT', PAGE);
    for (const [, fields] of page) ids.push(idOf(fields.at(-1) ?? Buffer.alloc(0)));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return ids;
    from = `(${last[0].toString()}`;
  }
}
