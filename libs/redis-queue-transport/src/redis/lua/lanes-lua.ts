import { KEY_WINDOW, MOST_KEY_BYTES } from '../../core/message/key.js';
import { USUAL_PRIORITY } from '../../core/message/priority.js';
import { BURST_PART } from '../../core/broker/limit.js';
import { PER_KEY } from '../../core/broker/per-key.js';
import { BEHIND_COUNTS, KEY_CHARACTERS } from './front-lua.js';
import { LEVEL_OF, TO_ITS_LEVEL } from './levels-lua.js';
import { UNKEYED } from './unkeyed-lua.js';
import { SharedLua } from '../script/shared-lua.js';

/** The field as a Lua pattern. */
const KEY = `"key":"(${KEY_CHARACTERS}+)"[,}]`;

/**
 * Finds the key of an element, as the Lua function `keyOf(element)`, by the rule of core/message/key.ts. Returns it as it is
 * written, and whether the element was handed out before; nothing for most elements, which have no key.
 */
export const KEY_OF = new SharedLua(
  `
local function keyOf(element)
  -- This byte alone tells most elements.
  local tenth = string.byte(element, 10)
  if tenth == 105 then return end
  -- The usual case: one that was never handed out.
  if tenth == 107 then
    local key = string.match(element, '^{"rq":1,${KEY}')
    if key and #key <= ${MOST_KEY_BYTES} and string.find(element, '\\n', 1, true) then return key, false end
    return
  end
  if string.sub(element, 1, 7) ~= '{"rq":1' then return end
  local front = string.sub(element, 1, ${KEY_WINDOW})
  local at, wasOut = behindCounts(front)
  local key = string.match(front, '^,${KEY}', at)
  if not key or #key > ${MOST_KEY_BYTES} then return end
  if string.find(element, '\\n', 1, true) then return key, wasOut end
end
`,
  [],
  [BEHIND_COUNTS],
);

/** Name of a field of the hash `lanes` that no key has: how many messages are in lanes. */
export const IN_LANES = ':waiting';

/** How many keys one call lets go on, and about how many messages. */
const MOST_GOING_ON = 100;
const MOST_MOVED = 500;

/**
 * Keys that rest: nothing more of them goes on for a time. The sorted set `resting` holds each with the Redis time in ms at
 * which that ends, or infinity for one that is paused; and behind a colon, which no key has, with the negative time at
 * which it began: if that is later than now, Redis's clock was set back, and the rest ends. A key that rests has a field in
 * `lanes` even if nothing of it is out. So a key without a field may go out, and nobody looks for it here.
 *
 * The pace of a key is the Generic Cell Rate Algorithm, as for the rate of a queue: `resting:KEY` holds, in µs of Redis's
 * time, when its next message would go out if all went at equal intervals, and vanishes then.
 *
 * A key of another type holds up nobody.
 *
 * - `perKeyOf(terms)`: what servers allow each key, read once.
 * - `restsUntil(resting, key)`: false for a key that does not rest.
 * - `rest(lanes, resting, key, since, until)`: nothing more of the key goes on before that, unless it rests for longer.
 * - `isTooEarly(lanes, resting, key, pace)`: counts one more that goes out; if it may not yet, the key rests.
 * - `firstRest(resting)`: when the earliest of the keys that this script had rest may go on, if it is before all others.
 */
const RESTS = new SharedLua(`
local perKey, anyRests, firstRests = {}, {}, {}
local function perKeyOf(terms)
  if perKey[terms] then return perKey[terms] end
  local said = redis.call('HMGET', terms, '${PER_KEY.running}', '${PER_KEY.rate}', '${PER_KEY.perMs}')
  local running, rate, per = tonumber(said[1] or 1), tonumber(said[2] or ''), tonumber(said[3] or '')
  local known = { most = running and running >= 1 and running or 1 }
  if rate and per and rate >= 1 and per >= 1 and rate < 1e15 and per < 1e15 then
    known.pace = { interval = per * 1000 / rate, burst = math.max(1, math.floor(rate * ${BURST_PART})) }
  end
  perKey[terms] = known
  return known
end
local function nowUs()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
local function restsUntil(resting, key)
  if anyRests[resting] == nil then anyRests[resting] = redis.call('EXISTS', resting) == 1 end
  local found = anyRests[resting] and redis.pcall('ZSCORE', resting, key)
  return type(found) == 'string' and (found == 'inf' and math.huge or tonumber(found))
end
local function rest(lanes, resting, key, since, ends)
  local known = restsUntil(resting, key)
  if known and known >= ends then return true end
  local earlier = redis.pcall('ZCOUNT', resting, 0, string.format('(%.0f', ends))
  if type(redis.pcall('ZADD', resting, ends, key, -since, ':' .. key)) ~= 'number' then return false end
  redis.call('HSETNX', lanes, key, 0)
  anyRests[resting] = true
  if earlier == 0 then firstRests[resting] = ends end
  return true
end
local function isTooEarly(lanes, resting, key, pace)
  local now = nowUs()
  local state = resting .. ':' .. key
  local known = redis.pcall('GET', state)
  local ahead = math.max(0, (type(known) == 'string' and tonumber(known) or 0) - now)
  local most = (pace.burst - 1) * pace.interval
  -- Another limit was kept before, or Redis's clock was set back: one may go.
  if ahead > most + 2 * pace.interval then ahead = most end
  if ahead > most then
    return rest(lanes, resting, key, math.floor(now / 1000), math.ceil((now + ahead - most) / 1000))
  end
  ahead = ahead + pace.interval
  redis.call('PSETEX', state, math.ceil(ahead / 1000), string.format('%.2f', now + ahead))
  return false
end
local function firstRest(resting) return firstRests[resting] end
`);

/** Counts messages that go into lanes, as the Lua function `countInLanes(lanes, more)`. Returns how many there are. */
const COUNT_IN_LANES = new SharedLua(`
local function countInLanes(lanes, more)
  local count = redis.pcall('HINCRBY', lanes, '${IN_LANES}', more)
  if type(count) == 'number' then return count end
  -- Somebody else has written what is no number.
  redis.call('HSET', lanes, '${IN_LANES}', math.max(0, more))
  return more
end
`);

/** Counts messages that go out of lanes, as the Lua function `countOutOfLanes(lanes, many)`: not for senders. */
const COUNT_OUT_OF_LANES = new SharedLua(
  `
local function countOutOfLanes(lanes, many)
  if countInLanes(lanes, -many) <= 0 then redis.call('HDEL', lanes, '${IN_LANES}') end
end
`,
  [],
  [COUNT_IN_LANES],
);

/**
 * The lanes of a queue, a list for each key, in front of `waiting`. The hash `lanes` counts how many messages of each key
 * are out: in `waiting`, held, a suspect, or delayed for a retry. As many may be out as the terms say, by default one; the
 * others are in the lane of their key. The names of lanes are made here, from keys that others wrote: those have no braces.
 *
 * - `goesOut(lanes, terms, resting, key)`: counts one more and returns true, unless it must go into its lane.
 * - `toLane(lanes, key, element)`: adds an element at the lane's end. If the lane is a key of another type, it changes
 *   nothing, and returns Redis's refusal.
 */
export const LANES = new SharedLua(
  `
local function goesOut(lanes, terms, resting, key)
  local perKey = perKeyOf(terms)
  if redis.call('HSETNX', lanes, key, 1) == 1 then
    if not perKey.pace or not isTooEarly(lanes, resting, key, perKey.pace) then return true end
    redis.call('HSET', lanes, key, 0)
    return false
  end
  local out = math.max(0, tonumber(redis.call('HGET', lanes, key)) or 0)
  if out >= perKey.most or restsUntil(resting, key) then return false end
  if out > 0 and redis.call('EXISTS', lanes .. ':' .. key) == 1 then return false end
  if perKey.pace and isTooEarly(lanes, resting, key, perKey.pace) then return false end
  redis.call('HSET', lanes, key, out + 1)
  return true
end
local function toLane(lanes, key, element)
  local lane = lanes .. ':' .. key
  local answer = redis.pcall('RPUSH', lane, element)
  if type(answer) == 'table' then return answer.err .. ': "' .. lane .. '"' end
  countInLanes(lanes, 1)
end
`,
  [],
  [KEY_OF, RESTS, COUNT_IN_LANES],
);

/**
 * Adds an element that was not out before to the end of its level or of its lane, or, if its key is to be read, to those that
 * wait for that. A key of another type there holds no messages:
 *
 * - `enterOrRefuse(queue, element)` then changes nothing, and returns Redis's refusal, for a sender;
 * - `enter(queue, element)` then adds to the queue what Redis holds already.
 *
 * Both return last whether it is in the list of a level, where blocked consumers do not see it: if nothing waited
 * before, the caller wakes them. It also tells the reader of keys (TELL_READER). The queue is a table of its keys, by their
 * names. With a third argument that is true, its key was read already.
 */
export const ENTER = new SharedLua(
  `
local function enterOrRefuse(queue, element, isRead)
  if queue.isKeyed ~= false and not isRead and isKeyed(queue) then return addUnkeyed(queue, element), false end
  local key = keyOf(element)
  if key and not goesOut(queue.lanes, queue.terms, queue.resting, key) then
    return toLane(queue.lanes, key, element), false
  end
  return nil, toItsLevel(queue.waiting, queue.levels, element)
end
local function enter(queue, element, isRead)
  local refusal, isInLevel = enterOrRefuse(queue, element, isRead)
  if refusal then return toItsLevel(queue.waiting, queue.levels, element) end
  return isInLevel
end
`,
  [],
  [LANES, TO_ITS_LEVEL, UNKEYED],
);

/** Moves an element from the end of the queue to that of its level, as the Lua function `sortIn(element)`. */
const SORT_IN = new SharedLua(
  `
local function sortIn(element)
  local level = levelOf(element)
  if level == ${USUAL_PRIORITY} or redis.call('EXISTS', levels) == 0 and redis.call('LLEN', waiting) == 1 then return end
  redis.call('HSET', levels, level, 1)
  -- If that is a key of another type, it stays.
  redis.pcall('LMOVE', waiting, levels .. ':' .. level, 'RIGHT', 'RIGHT')
end
`,
  ['waiting', 'levels'],
  [LEVEL_OF],
);

/**
 * Lets the next of a key go on when an element is gone for good: from its lane to the end of its level or, if the lane is
 * empty, one less is out. In two functions, since a key of another type must refuse it before anything is changed:
 * `outOf(key)` reads how many are out, and `endStay(key, out)` does the rest. A key of which nothing is counted frees
 * nobody: somebody put the element into a list by hand. `checkLists()` is for callers of `goOn` that change something first.
 *
 * And `goOn(key, left, out)`: as many of a key go on as may, where `left` are out and `out` are counted. Returns how many.
 */
export const END_STAY = new SharedLua(
  `
local areListsChecked = false
local function checkLists()
  if areListsChecked then return end
  redis.call('LLEN', waiting)
  redis.call('HLEN', levels)
  perKeyOf(terms)
  areListsChecked = true
end
local function outOf(key)
  local out = key and tonumber(redis.call('HGET', lanes, key) or 0)
  if out and out > 0 then checkLists() end
  return out and out > 0 and out
end
local function goOn(key, left, out)
  checkLists()
  local lane = lanes .. ':' .. key
  local perKey, first = perKeyOf(terms), left
  local rests = restsUntil(resting, key)
  while not rests and left < perKey.most do
    if perKey.pace then
      -- Only one that is there uses up the pace.
      local length = redis.pcall('LLEN', lane)
      if type(length) ~= 'number' or length == 0 then break end
      rests = isTooEarly(lanes, resting, key, perKey.pace)
      if rests then break end
    end
    -- A lane of another type holds no messages.
    local element = redis.pcall('LMOVE', lane, waiting, 'LEFT', 'RIGHT')
    if type(element) ~= 'string' then break end
    sortIn(element)
    countOutOfLanes(lanes, 1)
    left = left + 1
  end
  if left == 0 and not rests then redis.call('HDEL', lanes, key)
  elseif left ~= out then redis.call('HSET', lanes, key, left) end
  return left - first
end
local function endStay(key, out) goOn(key, out - 1, out) end
`,
  ['waiting', 'levels', 'lanes', 'terms', 'resting'],
  [LANES, COUNT_OUT_OF_LANES, SORT_IN],
);

/**
 * The same for up to 1,000 keys in the usual case, as the Lua function `endUsualStays(keys)`: one of each may be out at a
 * time, and none rests. Returns whether this is so; if not, it has done nothing. The caller has looked whether `lanes`,
 * `terms` and `levels` are hashes, and `waiting` is a list.
 */
export const END_USUAL_STAYS = new SharedLua(
  `
local function endUsualStays(keys)
  if redis.call('EXISTS', resting) == 1 then return false end
  local said = redis.call('HMGET', terms, '${PER_KEY.running}', '${PER_KEY.rate}', '${PER_KEY.perMs}')
  if said[1] and said[1] ~= '1' or said[2] or said[3] then return false end
  local counts = redis.call('HMGET', lanes, unpack(keys))
  for i = 1, #keys do
    if counts[i] and counts[i] ~= '1' then return false end
  end
  local idle, moved = {}, 0
  for i = 1, #keys do
    -- A lane of another type holds no messages.
    local element = counts[i] and redis.pcall('LMOVE', lanes .. ':' .. keys[i], waiting, 'LEFT', 'RIGHT')
    if type(element) == 'string' then
      sortIn(element)
      moved = moved + 1
    elseif counts[i] then
      idle[#idle + 1] = keys[i]
    end
  end
  if moved > 0 then countOutOfLanes(lanes, moved) end
  if #idle > 0 then redis.call('HDEL', lanes, unpack(idle)) end
  return true
end
`,
  ['waiting', 'levels', 'lanes', 'terms', 'resting'],
  [COUNT_OUT_OF_LANES, SORT_IN],
);

/**
 * Lets keys go on whose rest is over, the longest over first, or a part of them, as the Lua function `endRests(now,
 * isStill)`; with `isStill` 1, it lets none go on. Returns how many ms later the next one may go on: 0 if more may now,
 * -1 if no key rests.
 */
export const END_RESTS = new SharedLua(
  `
local function endRests(now, isStill)
  local function some(from, to)
    local found = redis.pcall('ZRANGE', resting, from, to, 'BYSCORE', 'LIMIT', 0, ${MOST_GOING_ON})
    return found.err and {} or found
  end
  local moved, isMore = 0, false
  local function letGo(key)
    checkLists()
    redis.call('ZREM', resting, key, ':' .. key)
    local out = math.max(0, tonumber(redis.call('HGET', lanes, key)) or 0)
    moved = moved + goOn(key, out, out)
  end
  if isStill == 0 then
    local over = some(0, now)
    -- Those that began later than now.
    for _, began in ipairs(some('-inf', string.format('(%.0f', -now))) do over[#over + 1] = string.sub(began, 2) end
    for i, key in ipairs(over) do
      isMore = i == ${MOST_GOING_ON} or moved >= ${MOST_MOVED}
      if moved < ${MOST_MOVED} then letGo(key) end
    end
  end
  if isMore then return 0 end
  local later = redis.pcall('ZRANGE', resting, string.format('(%.0f', now), '(+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
  return later[2] and math.max(1, math.ceil(later[2] - now)) or -1
end
`,
  ['resting'],
  [END_STAY],
);
