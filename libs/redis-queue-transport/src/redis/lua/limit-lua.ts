import { lookEveryUs, paceOf } from '../../core/broker/limit.js';
import type { Limited, QueueLimit } from '../../core/broker/limit.js';
import { readArray, readNumber } from '../script/script.js';
import { SharedLua } from '../script/shared-lua.js';

/** What consumers are told on the channel `wake` when a message has slowed their queue down. */
export const SLOWED_NEWS = 'slowed';

/** What scripts get as `limit`: "running interval burst look", where 0 says that there is no such limit; or nothing. */
export function limitArgument(limit: QueueLimit | undefined): string {
  if (limit === undefined) return '';
  const pace = paceOf(limit);
  const parts = pace === undefined ? [0, 0, 0] : [pace.intervalUs, pace.burst, lookEveryUs(pace)];
  return [limit.running ?? 0, ...parts].join(' ');
}

/**
 * Whether a queue was slowed down, as the Lua function `slowedFor()`: for how many ms yet, or 0. The text of the key is
 * how long it was to last: if more is left of it, Redis's clock was set back, and it ends.
 */
export const SLOWED = new SharedLua(
  `
local function slowedFor()
  local left = redis.call('PTTL', slowed)
  if left <= 0 then return 0 end
  if left <= (tonumber(redis.call('GET', slowed)) or 0) then return left end
  redis.call('DEL', slowed)
  return 0
end
`,
  ['slowed'],
);

/**
 * For how many ms yet a queue is slowed down, by the time to live of its key and by its text, as scripts see it
 * (SLOWED): if more is left than it was to last, Redis's clock was set back, and it has ended.
 */
export function slowedMsIn(leftMs: number, text: string | null): number {
  return leftMs > 0 && leftMs <= Number(text) ? leftMs : 0;
}

/**
 * A queue's limit, as Lua functions, which exist only with a `limit`. The local `limited` is what a reply says of it,
 * or false.
 *
 * `mayTake(wanted, held)`: how many more all consumers together may take now, at most `wanted`; `held` of those are in the
 * consumer's list already. If it is less than wanted, it sets `limited`.
 *
 * How many run is counted where they are, in the lists of all consumers that have not been reclaimed; the names of lists
 * are made from theirs. One place is left to another consumer that has the trial, if suspects wait.
 *
 * The rate is the Generic Cell Rate Algorithm: `rate` holds, in µs of Redis's time, when the next message would be taken
 * if all came at equal intervals. It is ahead of the time by no more than a burst: if it is by more, another limit was
 * kept before, or Redis's clock was set back, and one message may be taken.
 *
 * `countTaken(count)`: so many were taken, after `mayTake`.
 */
export const LIMIT = new SharedLua(
  `
local limited = false
local mayTake, countTaken
-- Most queues have none, and need no functions.
if limit ~= '' then
  local paceNow, ahead, interval
  local function heldByAll()
    local base = string.sub(processing, 1, -#consumer - 1)
    local held = 0
    for _, one in ipairs(redis.call('ZRANGE', consumers, 0, -1)) do held = held + redis.call('LLEN', base .. one) end
    return held
  end
  local function isPlaceKept()
    local tried = redis.call('HGET', roles, 'trial')
    return tried and tried ~= consumer and redis.call('EXISTS', suspects) == 1 and redis.call('ZSCORE', consumers, tried)
  end
  mayTake = function(wanted, held)
    local running, burst, look
    running, interval, burst, look = string.match(limit, '^(%S+) (%S+) (%S+) (%S+)$')
    interval = tonumber(interval)
    local may = wanted
    if running ~= '0' then
      may = math.max(0, math.min(may, running - heldByAll() + held - (isPlaceKept() and 1 or 0)))
      if may < wanted then limited = { -1, 0, 0 } end
    end
    if interval > 0 then
      local time = redis.call('TIME')
      paceNow = time[1] * 1000000 + time[2]
      ahead = math.max(0, tonumber(redis.call('GET', rate) or 0) - paceNow)
      if ahead > (burst + 1) * interval then ahead = (burst - 1) * interval end
      local byRate = math.max(0, math.floor(burst - ahead / interval))
      if byRate < may then
        may = byRate
        local inMs = math.ceil((ahead + (byRate + 1 - burst) * interval) / 1000)
        limited = { math.max(1, inMs), math.floor(redis.call('ZCARD', consumers) * look / 1000), 0 }
      end
    end
    return may
  end
  countTaken = function(count)
    if count == 0 or interval == 0 then return end
    ahead = ahead + count * interval
    redis.call('SET', rate, string.format('%.2f', paceNow + ahead), 'PX', math.ceil(ahead / 1000))
  end
end
`,
  ['limit', 'rate', 'processing', 'consumer', 'consumers', 'roles', 'suspects'],
);

/** What a script replied as `limited`. */
export function readLimited(reply: unknown): Limited | undefined {
  if (reply === 0) return undefined;
  const [inMs = -1, spreadMs = 0, isSlowed] = readArray(reply).map(readNumber);
  return { inMs: inMs < 0 ? undefined : inMs, spreadMs, isSlowed: isSlowed === 1 };
}
