import { createHash } from 'node:crypto';
import { failureOf, isReplyError } from './failure.js';
import type { Connection } from './connection.js';
import { UNPARK } from './parking-lua.js';

export type ScriptArgument = string | number | Buffer;

interface Definition<Key extends string, Arg extends string, Reply> {
  /** What it is for, as in "Redis refused to …". */
  readonly action: string;
  /** Names of the keys; the Lua text has a local of each name. */
  readonly keys: readonly Key[];
  /** Names of the arguments, likewise. What follows them is `ARGV[FIRST]` to `ARGV[#ARGV]`. */
  readonly args: readonly Arg[];
  readonly lua: string;
  /** It takes messages in, and is refused while Redis is full. Default false. */
  readonly growsData?: boolean;
  readonly read: (reply: unknown) => Reply;
}

/**
 * A Lua script with named keys and arguments and a typed reply. Those that take no message in are flagged
 * `allow-oom`: a full Redis must still let consumers settle, and by that make room.
 */
export class Script<Key extends string, Arg extends string, Reply> {
  readonly #text: string;
  readonly #sha: string;

  constructor(private readonly definition: Definition<Key, Arg, Reply>) {
    const { keys, args, lua, growsData = false } = definition;
    this.#text = [
      growsData ? '#!lua' : '#!lua flags=allow-oom',
      ...(keys.some((key) => String(key) === 'delayed') ? [DELAY] : []),
      ...keys.map((key, index) => `local ${key} = KEYS[${index + 1}]`),
      ...args.map((arg, index) => `local ${arg} = ARGV[${index + 1}]`),
      `local FIRST = ${args.length + 1}`,
      ...(keys.some((key) => String(key) === 'parked') ? [UNPARK] : []),
      lua.trim(),
    ].join('\n');
    this.#sha = createHash('sha1').update(this.#text).digest('hex');
  }

  /** What it is for, as in "Redis refused to …". */
  get action(): string {
    return this.definition.action;
  }

  /** @throws RedisUnavailableError | OutcomeUnknownError | RedisRefusedError */
  async run(
    connection: Connection,
    keys: Readonly<Record<Key, string>>,
    args: Readonly<Record<Arg, string | number>>,
    rest: readonly ScriptArgument[] = [],
    /** Further keys: `KEYS[n]` behind the named ones. */
    moreKeys: readonly string[] = [],
  ): Promise<Reply> {
    const { action } = this.definition;
    const parameters: ScriptArgument[] = this.definition.keys.map((key) => keys[key]);
    for (const key of moreKeys) parameters.push(key);
    for (const arg of this.definition.args) parameters.push(args[arg]);
    for (const argument of rest) parameters.push(argument);
    const reply = await connection.run(action, async (client) => {
      const keyCount = this.definition.keys.length + moreKeys.length;
      const evaluate = (): Promise<unknown> =>
        client.callBuffer('EVAL', this.#text, keyCount, ...parameters);
      // Sent whole when the connection is new: asking by a name that Redis does not know would let what follows pass it.
      if (!connection.knownScripts.has(this.#sha)) {
        connection.knownScripts.add(this.#sha);
        return await evaluate();
      }
      try {
        return await client.callBuffer('EVALSHA', this.#sha, keyCount, ...parameters);
      } catch (error) {
        // Redis does not know it any more: a SCRIPT FLUSH. Nothing was executed, so sending it is safe.
        if (!isReplyError(error) || !error.message.startsWith('NOSCRIPT'))
          throw failureOf(error, action);
        return await evaluate();
      }
    });
    return this.definition.read(reply);
  }
}

/**
 * Adds to the delayed messages, as a Lua function; the element must have a header. A sorted set holds equal bytes once, so that of two equal elements
 * one gets a space, which means nothing, at the end of its header.
 */
const DELAY = `
local isEarliest = false
local function delay(delayed, due, element)
  local earliest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
  if not earliest or due < tonumber(earliest) then isEarliest = true end
  while redis.call('ZADD', delayed, 'NX', due, element) == 0 do
    element = string.gsub(element, '\\n', ' \\n', 1)
  end
end
`;

/** How many delayed messages one call moves at the most. */
const MOST_DUE = 100;

/**
 * Moves delayed messages that are due to the head of the queue, the earliest first, as Lua. No more than can be taken
 * now (`take`), or one for a consumer that waits: what comes next would overtake those that stayed. Leaves `dueIn`: ms
 * until the next one, 0 when more are due, -1 when there is none. Reads the clock only where it has to.
 */
export const RELEASE_DUE = `
local dueIn = -1
local nextDue = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
if nextDue and not now then now = nowMs() end
if nextDue and tonumber(nextDue) <= now then
  local mostDue = math.max(1, math.min(take, ${MOST_DUE}))
  local due = redis.call('ZRANGE', delayed, '-inf', now, 'BYSCORE', 'LIMIT', 0, mostDue)
  for i = #due, 1, -1 do redis.call('LPUSH', waiting, due[i]) end
  redis.call('ZREMRANGEBYRANK', delayed, 0, #due - 1)
  nextDue = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
end
if nextDue then dueIn = math.max(0, math.ceil(tonumber(nextDue) - now)) end
`;

/** Milliseconds of Redis's clock, as a Lua function `nowMs`. */
export const NOW_MS_FUNCTION = `
local function nowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;

/** The same, read once: `now`. */
export const NOW_MS = `${NOW_MS_FUNCTION}local now = nowMs()
`;

/** Moves all that a consumer holds to the head of the queue, unchanged and in order, as Lua. Leaves `moved`. */
export const GIVE_BACK = `
local moved = redis.call('LLEN', processing)
for i = 1, moved do redis.call('LMOVE', processing, waiting, 'RIGHT', 'LEFT') end
`;

export function readNumber(reply: unknown): number {
  if (typeof reply === 'number') return reply;
  throw new TypeError(`A script answered ${String(reply)} where a number was expected.`);
}

export function readArray(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw new TypeError(`A script answered ${String(reply)} where a list was expected.`);
}

export function readBuffer(reply: unknown): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw new TypeError(`A script answered ${String(reply)} where a string was expected.`);
}
