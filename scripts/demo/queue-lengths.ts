import type { Redis } from 'ioredis';

export interface QueueLengths {
  readonly queue: string;
  readonly waiting: number;
  /** Were running when a process died. */
  readonly suspects: number;
  /** Taken by a consumer, but not yet settled. */
  readonly processing: number;
  /** Not due yet. */
  readonly delayed: number;
  readonly dead: number;
}

const nothing = { waiting: 0, suspects: 0, processing: 0, delayed: 0, dead: 0 };

/** Messages that are not settled yet. */
export function countOpen({ waiting, suspects, processing, delayed }: QueueLengths): number {
  return waiting + suspects + processing + delayed;
}

/**
 * Looks at every queue under a prefix. Finds the keys by their names instead of asking who is
 * alive, so that what a dead process left behind counts too.
 */
export async function readQueueLengths(redis: Redis, prefix: string): Promise<QueueLengths[]> {
  const places = await findPlaces(redis, prefix);
  const lengths = await Promise.all(places.map(({ key }) => lengthOf(redis, key)));
  const queues = new Map<string, QueueLengths>();
  places.forEach(({ queue, kind }, index) => {
    const known = queues.get(queue) ?? { queue, ...nothing };
    queues.set(queue, { ...known, [kind]: known[kind] + (lengths[index] ?? 0) });
  });
  return [...queues.values()];
}

/** How many messages of one queue its live consumers hold now. */
export async function countProcessing(
  redis: Redis,
  prefix: string,
  queue: string,
): Promise<number> {
  const consumers = await redis.zrange(`${prefix}:{${queue}}:consumers`, 0, '-1');
  const lengths = await Promise.all(
    consumers.map((consumer) => redis.llen(`${prefix}:{${queue}}:processing:${consumer}`)),
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}

/** Where a message can be. */
interface Place {
  readonly key: string;
  readonly queue: string;
  readonly kind: Exclude<keyof QueueLengths, 'queue'>;
}

const placeName =
  /^\{(?<pattern>.*)\}(?:@(?<group>[\w.-]+))?:(?<kind>waiting|suspects|processing|delayed|dead)(?::|$)/;

async function findPlaces(redis: Redis, prefix: string): Promise<Place[]> {
  // SCAN may name a key twice, hence the map.
  const places = new Map<string, Place>();
  const batches = redis.scanStream({ match: `${prefix}:*`, count: 1_000 });
  for await (const batch of batches as AsyncIterable<string[]>) {
    for (const key of batch) {
      const { pattern, group, kind } = placeName.exec(key.slice(prefix.length + 1))?.groups ?? {};
      if (pattern !== undefined && kind !== undefined) {
        const queue = group === undefined ? pattern : `@${group}/${pattern}`;
        // The expression allows no other kinds.
        places.set(key, { key, queue, kind: kind as Place['kind'] });
      }
    }
  }
  return [...places.values()];
}

async function lengthOf(redis: Redis, key: string): Promise<number> {
  switch (await redis.type(key)) {
    case 'list':
      return redis.llen(key);
    case 'zset':
      return redis.zcard(key);
    case 'stream':
      return redis.xlen(key);
    default:
      // It has just become empty, and so ceased to exist.
      return 0;
  }
}
