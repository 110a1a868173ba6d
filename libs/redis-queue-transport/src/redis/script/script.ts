import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { failureOf, isReplyError, wasRefusedMidway } from '../connection/failure.js';
import type { Connection, ScriptStage } from '../connection/connection.js';
import { UNPARK } from './parking-lua.js';
import { permissionCheck } from './script-permissions.js';

/** Elements above this are large: more than senders of this library leave in a list, and the most that scripts may copy often. */
export const LARGE_BYTES = 262_144;

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
  /** The commands that are run, where the Lua text has others too, without which a user may run it. Default: all in the text. */
  readonly runs?: readonly string[];
  readonly read: (reply: unknown) => Reply;
}

/** Lua text and the name by which Redis knows it. */
class LuaText {
  readonly #sha: string;

  constructor(private readonly text: string) {
    this.#sha = createHash('sha1').update(text).digest('hex');
  }

  evaluate(client: Redis, parameters: readonly ScriptArgument[]): Promise<unknown> {
    return client.callBuffer('EVAL', this.text, ...parameters);
  }

  async evaluateKnown(client: Redis, parameters: readonly ScriptArgument[]): Promise<unknown> {
    try {
      return await client.callBuffer('EVALSHA', this.#sha, ...parameters);
    } catch (error) {
      // Redis does not know it any more: a SCRIPT FLUSH. Nothing was executed, so sending it is safe.
      if (isReplyError(error) && error.message.startsWith('NOSCRIPT'))
        return await this.evaluate(client, parameters);
      throw error;
    }
  }
}

/**
 * A Lua script with named keys and arguments and a typed reply. Those that take no message in are flagged
 * `allow-oom`: a full Redis must still let consumers settle, and by that make room.
 *
 * A permission that the user lacks must not stop it half-way. So on each connection the script begins with a look at all
 * that it needs, until that was found once, and again after a refusal. Whoever takes a permission away later is noticed
 * half-way by the calls that are under way, whose outcome is then unknown.
 */
export class Script<Key extends string, Arg extends string, Reply> {
  readonly #plain: LuaText;
  /** The same behind the look at permissions. */
  readonly #checked: LuaText;

  constructor(private readonly definition: Definition<Key, Arg, Reply>) {
    const { keys, args, lua, growsData = false, runs } = definition;
    const flags = growsData ? '#!lua' : '#!lua flags=allow-oom';
    const names = [
      ...keys.map((key, index) => `local ${key} = KEYS[${index + 1}]`),
      ...args.map((arg, index) => `local ${arg} = ARGV[${index + 1}]`),
    ].join('\n');
    const body = [
      `local FIRST = ${args.length + 1}`,
      ...(keys.some((key) => String(key) === 'parked') ? [UNPARK] : []),
      lua.trim(),
    ].join('\n');
    const check = permissionCheck(body, [...keys, ...args], runs);
    this.#plain = new LuaText([flags, names, body].join('\n'));
    this.#checked = new LuaText([flags, names, check, body].join('\n'));
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
    const parameters = this.#parameters(keys, args, rest, moreKeys);
    const { scripts } = connection;
    const reply = await connection.run(action, async (client) => {
      try {
        return await this.#evaluate(client, scripts, parameters);
      } catch (error) {
        if (wasRefusedMidway(error)) scripts.clear();
        throw failureOf(error, action);
      }
    });
    return this.definition.read(reply);
  }

  /**
   * As one of the commands of a transaction, whose reply is for {@link read}. With its text and the look at permissions:
   * there is no way to send it again within one.
   */
  send(
    client: Redis,
    keys: Readonly<Record<Key, string>>,
    args: Readonly<Record<Arg, string | number>>,
    rest: readonly ScriptArgument[] = [],
  ): Promise<unknown> {
    return this.#checked.evaluate(client, this.#parameters(keys, args, rest, []));
  }

  read(reply: unknown): Reply {
    return this.definition.read(reply);
  }

  #parameters(
    keys: Readonly<Record<Key, string>>,
    args: Readonly<Record<Arg, string | number>>,
    rest: readonly ScriptArgument[],
    moreKeys: readonly string[],
  ): ScriptArgument[] {
    const { keys: keyNames, args: argNames } = this.definition;
    const parameters: ScriptArgument[] = [keyNames.length + moreKeys.length];
    for (const key of keyNames) parameters.push(keys[key]);
    for (const key of moreKeys) parameters.push(key);
    for (const arg of argNames) parameters.push(args[arg]);
    for (const argument of rest) parameters.push(argument);
    return parameters;
  }

  /** Text is sent whole first: asking by a name that Redis does not know would let what follows pass it. */
  async #evaluate(
    client: Redis,
    scripts: Map<unknown, ScriptStage>,
    parameters: readonly ScriptArgument[],
  ): Promise<unknown> {
    const stage = scripts.get(this);
    if (stage === 'known') return this.#plain.evaluateKnown(client, parameters);
    if (stage === 'permitted') {
      scripts.set(this, 'known');
      return this.#plain.evaluate(client, parameters);
    }
    if (stage === undefined) scripts.set(this, 'asking');
    try {
      const reply = await (stage === undefined
        ? this.#checked.evaluate(client, parameters)
        : this.#checked.evaluateKnown(client, parameters));
      if (scripts.get(this) === 'asking') scripts.set(this, 'permitted');
      return reply;
    } catch (error) {
      if (scripts.get(this) === 'asking') scripts.delete(this);
      throw error;
    }
  }
}

/** News on the channel of a process: the Redis time in ms follows, at which something is due before all else. */
export const DUE = 'due';

/**
 * Adds to the delayed messages, as the Lua function `delay(due, element)`; the element must have a header. And `tellDue()`,
 * which tells the consumer that keeps the time of the queue, or all of them where none does, when one of those is due
 * before all others. (The process of a consumer is its name up to the last number.)
 *
 * A sorted set holds equal bytes once. Of two equal elements one gets blanks at the end of its header, which mean
 * nothing, in a pattern that hardly comes twice: the time, in binary.
 */
export const DELAY = `
local earliestDue = false
local copies = 0
local function withBlanks(element)
  local time = redis.call('TIME')
  local number = (time[1] * 1000000 + time[2] + copies) % 4294967296
  copies = copies + 1
  local blanks = {}
  for i = 1, 32 do
    blanks[i] = number % 2 == 0 and ' ' or '\\t'
    number = math.floor(number / 2)
  end
  local headerEnd = string.find(element, '\\n', 1, true)
  return string.sub(element, 1, headerEnd - 1) .. table.concat(blanks) .. string.sub(element, headerEnd)
end
local function delay(due, element)
  if redis.call('ZCOUNT', delayed, '-inf', due) == 0 then earliestDue = due end
  local copy = element
  while redis.call('ZADD', delayed, 'NX', due, copy) == 0 do copy = withBlanks(element) end
end
local function tellDue()
  if not earliestDue then return end
  local keeper = redis.call('HGET', roles, 'timekeeper')
  local process = keeper and string.gsub(keeper, '%-%d+$', '')
  local news = string.format('${DUE} %.0f', earliestDue)
  if not process or redis.call('PUBLISH', wake .. ':' .. process, news) == 0 then redis.call('PUBLISH', wake, '') end
end
`;

/** How many delayed messages one call moves, how many of them are read at once, and of how many bytes. */
const MOST_DUE = 100;
const DUE_STEP = 16;
const MOST_DUE_BYTES = 1_048_576;

/** Later than any timer looks. */
const LATEST_DUE_MS = 2 ** 31;

/**
 * Moves delayed messages that are due to the head of the queue, the earliest first, as Lua. No more than this consumer
 * takes now (`take`), or, where it takes none, one for another consumer that waits, as long as nothing stands in its way:
 * what comes next would overtake those that stayed. None while the queue is paused.
 *
 * Leaves `nextDue`, when the next one is due, and `dueIn`: ms until then, 0 when more are due that can go on, -1 for no
 * need to look. With a `knownDue` that is still to come the next one is not read again.
 *
 * A large one is not read at all, unless `readsLarge` is 1: unlike a list, a sorted set tells how large its first elements
 * are (memory by the mean of the first ones, times their number). Nothing is moved from behind one that is due; then
 * `isDueLarge` is 1.
 */
export const RELEASE_DUE = `
local nextDue, dueIn, isDueLarge = false, -1, 0
local function meanOfFirst(many)
  return redis.call('MEMORY', 'USAGE', delayed, 'SAMPLES', many) / redis.call('ZCARD', delayed)
end
local function isFirstLarge() return readsLarge == '0' and meanOfFirst(1) > ${LARGE_BYTES} end
-- When the first is due, in whole ms, by how many are due at a time.
local function firstDue()
  local before, by = now, now + 1
  local function isNoneDue(at) return redis.call('ZCOUNT', delayed, '-inf', string.format('%.0f', at)) == 0 end
  while isNoneDue(by) and by - now < ${LATEST_DUE_MS} do by = 2 * by - now end
  while by - before > 1 do
    local between = math.floor((before + by) / 2)
    if isNoneDue(between) then before = between else by = between end
  end
  return string.format('%.0f', by)
end
if redis.call('ZCARD', delayed) > 0 then
  now = now or nowMs()
  local allDue = redis.call('ZCOUNT', delayed, '-inf', now)
  local most = 0
  if isPaused == 0 then
    if allDue > 0 and isFirstLarge() then isDueLarge = 1
    elseif tonumber(take) > 0 then most = math.min(take, ${MOST_DUE})
    elseif redis.call('LLEN', waiting) == 0 then most = 1 end
  end
  most = math.min(most, allDue)
  if most > ${DUE_STEP} and most * meanOfFirst(most) > ${MOST_DUE_BYTES} then most = ${DUE_STEP} end
  if most > 1 and most * meanOfFirst(most) > ${MOST_DUE_BYTES} then most = 1 end
  if most > 0 then
    local due = redis.call('ZRANGE', delayed, 0, most - 1)
    for i = most, 1, -1 do redis.call('LPUSH', waiting, due[i]) end
    redis.call('ZREMRANGEBYRANK', delayed, 0, most - 1)
  end
  local isKnown = knownDue ~= '' and tonumber(knownDue) > now
  if isKnown and redis.call('ZCOUNT', delayed, '-inf', '(' .. knownDue) == 0 then nextDue = knownDue
  elseif isDueLarge == 0 and redis.call('ZCARD', delayed) > 0 then
    if isFirstLarge() then nextDue = firstDue()
    else nextDue = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2] end
  end
  if nextDue then dueIn = math.max(0, math.ceil(tonumber(nextDue) - now)) end
  -- What is due stays for whoever takes next.
  if dueIn == 0 and most == 0 then dueIn = -1 end
end
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

/** Whether an element was found running in a process that died, as the Lua function `isSuspect(element)`. */
export const IS_SUSPECT = `
local function isSuspect(element)
  -- Its tenth byte alone tells most elements from a suspect's.
  return string.byte(element, 10) == 99 and string.sub(element, 1, 18) == '{"rq":1,"crashes":'
end
`;

/** Bounds of what one call gives back of what a consumer holds. */
export const MOST_RETURNED = 500;
export const MOST_RETURNED_BYTES = 262_144;

/**
 * Moves what a consumer holds to where it came from, the head of the queue or of its suspects, unchanged and in order, as
 * Lua: all of it, or a part, the newest first. Leaves `left`, how many it still holds.
 */
export const GIVE_BACK = `
${IS_SUSPECT}
local moved, bytes = 0, 0
while moved < ${MOST_RETURNED} and bytes < ${MOST_RETURNED_BYTES} do
  local element = redis.call('LMOVE', processing, waiting, 'RIGHT', 'LEFT')
  if not element then break end
  if isSuspect(element) then redis.call('LMOVE', waiting, suspects, 'LEFT', 'LEFT') end
  moved = moved + 1
  bytes = bytes + #element
end
local left = redis.call('LLEN', processing)
`;

/** So many ids whose time is over are removed with one call. */
const MOST_FORGOTTEN = 1_000;

/**
 * Removes ids whose time is over from a sorted set, or a part of them, as the Lua function `forgetEnded(ids, now)`. So the
 * time of one that is found is to be looked at.
 */
export const FORGET_ENDED = `
local function forgetEnded(ids, now)
  local ended = redis.call('ZCOUNT', ids, '-inf', now)
  if ended > 0 then redis.call('ZREMRANGEBYRANK', ids, 0, math.min(ended, ${MOST_FORGOTTEN}) - 1) end
end
`;

/**
 * Ends what a consumer does for the others of its queue, as the Lua function `endRoles(consumer)`; answers whether that was
 * anything: then somebody else is to do it.
 */
export const END_ROLES = `
local function endRoles(consumer)
  local hasAny = false
  for _, role in ipairs({ 'trial', 'timekeeper' }) do
    if redis.call('HGET', roles, role) == consumer then
      redis.call('HDEL', roles, role)
      hasAny = true
    end
  end
  return hasAny
end
`;

export function readNumber(reply: unknown): number {
  if (typeof reply === 'number') return reply;
  throw new TypeError(`A script answered ${String(reply)} where a number was expected.`);
}

export function readArray(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw new TypeError(`A script answered ${String(reply)} where a list was expected.`);
}

export function readTexts(reply: unknown): readonly string[] {
  return readArray(reply).map((text) => readBuffer(text).toString());
}

export function readBuffer(reply: unknown): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw new TypeError(`A script answered ${String(reply)} where a string was expected.`);
}
