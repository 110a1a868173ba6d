import type { Redis } from 'ioredis';

/** Everything that Redis holds of one queue, as bytes. */
export interface QueueDump {
  /** What is taken next comes first. */
  readonly waiting: readonly Buffer[];
  /** By consumer, oldest first. */
  readonly processing: ReadonlyMap<string, readonly Buffer[]>;
  /** Due first comes first. */
  readonly delayed: readonly Buffer[];
  /** Newest first. */
  readonly dead: readonly Buffer[];
  readonly expired: number;
  readonly repeated: number;
  readonly deadLettersDropped: number;
}

/** The key of one queue, as redis-cli shows it. */
export function queueKey(prefix: string, queue: string, what: string): string {
  return `${prefix}:{${queue}}:${what}`;
}

export async function dumpQueue(redis: Redis, prefix: string, queue: string): Promise<QueueDump> {
  const key = (what: string): string => queueKey(prefix, queue, what);
  const elements = (list: string): Promise<Buffer[]> => redis.lrangeBuffer(list, 0, -1);
  const processing = new Map<string, Buffer[]>();
  const processingKey = key('processing:');
  for (const name of await redis.keys(`${prefix}:*`)) {
    if (!name.startsWith(processingKey)) continue;
    processing.set(name.slice(processingKey.length), await elements(name));
  }
  return {
    waiting: await elements(key('waiting')),
    processing,
    delayed: await redis.zrangeBuffer(key('delayed'), '0', '-1'),
    dead: await deadLetters(redis, key('dead')),
    expired: Number(await redis.hget(key('counts'), 'expired')),
    repeated: Number(await redis.hget(key('counts'), 'repeated')),
    deadLettersDropped: Number(await redis.hget(key('counts'), 'deadLettersDropped')),
  };
}

/** Each entry of the stream has one field, `element`. */
async function deadLetters(redis: Redis, stream: string): Promise<Buffer[]> {
  const entries = await redis.xrevrangeBuffer(stream, '+', '-');
  return entries.map(([, fields]) => fields[1] ?? Buffer.alloc(0));
}

/** How many deliveries are held by consumers, living or dead. */
export function heldIn(dump: QueueDump): number {
  return [...dump.processing.values()].reduce((sum, held) => sum + held.length, 0);
}
