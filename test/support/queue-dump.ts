import type { Redis } from 'ioredis';
import { placeOfQueue } from './place-of-queue.js';

/** The field of the hash `lanes` that is no key: how many messages are in lanes. Programs that run from `dist` read this file. */
const IN_LANES = ':waiting';

/** Everything that Redis holds of one queue, as bytes. */
export interface QueueDump {
  /** The list `waiting`, in the order in which it is taken. */
  readonly waiting: readonly Buffer[];
  /** What waits until its key was read, the next one first. */
  readonly unkeyed: readonly Buffer[];
  /** The lists of priorities but the usual one, in the order in which each is taken. */
  readonly levels: ReadonlyMap<number, readonly Buffer[]>;
  /** Found running when a process died, in the order in which they are tried again. */
  readonly suspects: readonly Buffer[];
  /** By consumer, oldest first. */
  readonly processing: ReadonlyMap<string, readonly Buffer[]>;
  /** By key, in the order in which they go on. */
  readonly lanes: ReadonlyMap<string, readonly Buffer[]>;
  /** How many of each key are out, with nothing for keys that rest. */
  readonly out: ReadonlyMap<string, number>;
  /** Until when keys rest, in ms of Redis's time. */
  readonly resting: ReadonlyMap<string, number>;
  /** How many messages are in lanes, as it is counted. */
  readonly inLanes: number;
  /** In the order in which they are due. */
  readonly delayed: readonly Buffer[];
  /** Newest first. Each entry of the stream has one field, `element`. */
  readonly dead: readonly Buffer[];
  readonly expired: number;
  readonly repeated: number;
  readonly deadLettersDropped: number;
  /** The names of the parked bodies. */
  readonly parked: readonly string[];
  /** How many bodies were ever parked. */
  readonly parkedEver: number;
}

/** The key of one queue, as redis-cli shows it. */
export function queueKey(prefix: string, queue: string, what: string): string {
  return `${prefix}:${placeOfQueue(queue)}:${what}`;
}

/** All of it at one moment. Otherwise, what moves meanwhile would be in two places, or in none. */
const DUMP = `
local key = ARGV[1]
local names, held, keys, laned, levels, levelled = {}, {}, {}, {}, {}, {}
for _, name in ipairs(redis.call('KEYS', ARGV[2] .. ':*')) do
  if string.sub(name, 1, #key + 11) == key .. 'processing:' then
    names[#names + 1] = string.sub(name, #key + 12)
    held[#held + 1] = redis.call('LRANGE', name, 0, -1)
  elseif string.sub(name, 1, #key + 6) == key .. 'lanes:' then
    keys[#keys + 1] = string.sub(name, #key + 7)
    laned[#laned + 1] = redis.call('LRANGE', name, 0, -1)
  elseif string.sub(name, 1, #key + 7) == key .. 'levels:' then
    levels[#levels + 1] = string.sub(name, #key + 8)
    levelled[#levelled + 1] = redis.call('LRANGE', name, 0, -1)
  end
end
local dead = {}
for _, entry in ipairs(redis.call('XREVRANGE', key .. 'dead', '+', '-')) do
  dead[#dead + 1] = entry[2][2]
end
return {
  names,
  held,
  redis.call('LRANGE', key .. 'waiting', 0, -1),
  redis.call('ZRANGE', key .. 'delayed', 0, -1),
  dead,
  redis.call('HMGET', key .. 'counts', 'expired', 'repeated', 'deadLettersDropped', 'parkedEver'),
  redis.call('HKEYS', key .. 'parked'),
  redis.call('LRANGE', key .. 'suspects', 0, -1),
  keys,
  laned,
  redis.call('HGETALL', key .. 'lanes'),
  redis.call('ZRANGE', key .. 'resting', 0, -1, 'WITHSCORES'),
  levels,
  levelled,
  redis.call('LRANGE', key .. 'unkeyed', 0, -1),
}`;

/** As the script returns it. */
type Reply = [
  names: Buffer[],
  held: Buffer[][],
  waiting: Buffer[],
  delayed: Buffer[],
  dead: Buffer[],
  counts: (Buffer | null)[],
  parked: Buffer[],
  suspects: Buffer[],
  keys: Buffer[],
  laned: Buffer[][],
  lanes: Buffer[],
  rests: Buffer[],
  levels: Buffer[],
  levelled: Buffer[][],
  unkeyed: Buffer[],
];

export async function dumpQueue(redis: Redis, prefix: string, queue: string): Promise<QueueDump> {
  const key = queueKey(prefix, queue, '');
  const reply = await redis.callBuffer('EVAL', DUMP, 0, key, prefix);
  const [names, held, waiting, delayed, dead, counts, parked, suspects, ...prefaced] =
    reply as Reply;
  const [keys, laned, lanes, resting, levels, levelled, unkeyed] = prefaced;
  const [expired, repeated, deadLettersDropped, parkedEver] = counts.map(Number);
  const [out = new Map<string, number>(), rests = new Map<string, number>()] = [lanes, resting].map(
    numbersOf,
  );
  const inLanes = out.get(IN_LANES) ?? 0;
  out.delete(IN_LANES);
  return {
    waiting,
    unkeyed,
    levels: new Map(levels.map((level, index) => [Number(level), levelled[index] ?? []])),
    suspects,
    lanes: new Map(keys.map((key, index) => [String(key), laned[index] ?? []])),
    out,
    resting: new Map([...rests].filter(([key]) => !key.startsWith(':'))),
    inLanes,
    processing: new Map(names.map((name, index) => [String(name), held[index] ?? []])),
    delayed,
    dead,
    expired: expired ?? 0,
    repeated: repeated ?? 0,
    deadLettersDropped: deadLettersDropped ?? 0,
    parked: parked.map(String),
    parkedEver: parkedEver ?? 0,
  };
}

/** Names and numbers in turn. */
function numbersOf(words: readonly Buffer[]): Map<string, number> {
  const pairs = words.flatMap((name, index): [string, number][] =>
    index % 2 === 0
      ? [[String(name), Number(String(words[index + 1]).replace('inf', 'Infinity'))]]
      : [],
  );
  return new Map(pairs);
}

/** What waits and is in no lane, whatever its priority. */
export function waitingIn({ waiting, levels }: QueueDump): readonly Buffer[] {
  return [...waiting, ...[...levels.values()].flat()];
}

/** How many deliveries consumers hold, living or dead. */
export function heldIn(dump: QueueDump): number {
  return [...dump.processing.values()].reduce((sum, held) => sum + held.length, 0);
}
