import { END_STAY } from './lanes-lua.js';
import { LEVELS } from './levels-lua.js';
import { LARGE_BYTES } from '../script/script.js';
import { SharedLua } from '../script/shared-lua.js';

/**
 * Makes the element of a large message from one with or without its body, as the Lua function `refer(name, element)`: it
 * names the body, which is parked. The element must have a header of this library.
 */
export const REFER = new SharedLua(`
local function refer(name, element)
  local headerEnd = string.find(element, '\\n', 1, true)
  return '{"rq":1,"parked":"' .. name .. '"' .. string.sub(element, 8, headerEnd)
end
`);

/**
 * Parks the body of a large message, as the Lua function `park(parked, counts, name, element)`: in the hash `parked` under
 * a unique name. Returns the element without its body. The element must have a header of this library.
 */
export const PARK = new SharedLua(
  `
local function park(parked, counts, name, element)
  local headerEnd = string.find(element, '\\n', 1, true)
  if redis.call('HSETNX', parked, name, string.sub(element, headerEnd + 1)) == 0 then
    return error({ err = 'ERR the name of a parked body is taken' })
  end
  redis.call('HINCRBY', counts, 'parkedEver', 1)
  return refer(name, element)
end
`,
  [],
  [REFER],
);

/**
 * Drops the body of an element that is gone for good, as the Lua function `unpark(element)`. It looks for the name
 * where consumers do, right behind the counts; anywhere else the name means nothing (core/message/header.ts).
 */
export const UNPARK = new SharedLua(
  `
local function unpark(element)
  local front = string.match(string.sub(element, 1, 192), '^{%s*"rq"%s*:%s*1%s*(,.*)')
  if not front then return end
  front = string.gsub(front, '^,"crashes":%d+', '')
  front = string.gsub(front, '^,"attempt":%d+', '')
  local name = string.match(front, '^,"parked":"([%w_-]+)"[,}]')
  if name then redis.call('HDEL', parked, name) end
end
`,
  ['parked'],
);

/** How many dead letters one call drops. */
const MOST_DROPPED = 1_000;

/** Most messages that one call searches for bodies to drop. */
const MOST_EMPTIED = 1_000;
const MOST_BYTES = 1_048_576;

/** How many are read at once, since their size is unknown. */
const STEP = 16;
/** If the next ones are larger than this on average, they are read one by one. */
const SMALL_BYTES = 32_768;

/**
 * Drops the oldest dead letters, or a part of them, with their parked bodies, as the Lua function
 * `dropDead(most, below)`: all from before the time `below` in ms or, without it, all but `most`. Counts them, and
 * returns whether there may be more.
 */
export const DROP_DEAD = new SharedLua(
  `
local function dropDead(most, below)
  local dropped, mayBeMore
  redis.call('HLEN', counts) -- a key of another type must refuse it before anything is dropped
  if redis.call('EXISTS', parked) == 0 then
    if below then
      dropped = redis.call('XTRIM', dead, 'MINID', '~', below, 'LIMIT', ${MOST_DROPPED})
      -- That removes only whole nodes of the stream: the rest is part of one.
      if dropped == 0 then dropped = redis.call('XTRIM', dead, 'MINID', '=', below)
      else mayBeMore = true end
    else
      dropped = redis.call('XTRIM', dead, 'MAXLEN', '=', math.max(most, redis.call('XLEN', dead) - ${MOST_DROPPED}))
    end
  else
    local part = below and ${MOST_EMPTIED} or math.min(${MOST_EMPTIED}, redis.call('XLEN', dead) - most)
    if part <= 0 or below == 0 then return false end
    local last = below and string.format('(%d-0', below) or '+'
    local bytes = 0
    dropped = 0
    while dropped < part and bytes < ${MOST_BYTES} do
      local some = redis.call('XRANGE', dead, '-', last, 'COUNT', math.min(${STEP}, part - dropped))
      for _, entry in ipairs(some) do
        unpark(entry[2][2])
        redis.call('XDEL', dead, entry[1])
        dropped = dropped + 1
        bytes = bytes + #entry[2][2]
      end
      if #some == 0 then break end
      mayBeMore = dropped == part or bytes >= ${MOST_BYTES}
    end
  end
  if dropped > 0 then redis.call('HINCRBY', counts, 'deadLettersDropped', dropped) end
  return mayBeMore
end
`,
  ['dead', 'counts'],
  [UNPARK],
);

/**
 * Removes messages with their parked bodies, as the Lua function `emptyQueue(what)`: those that wait ('waiting'), those
 * that are delayed ('delayed'), or both ('all'). If nothing is parked or has a key, it removes all at once, else a part,
 * since it has to look at each message: one that had its turn lets the next of its key go on, so empty the lanes first.
 * Returns how many messages it removed, and how many are left.
 */
export const EMPTY_QUEUE = new SharedLua(
  `
local function emptyQueue(what)
  local lists = what == 'delayed' and {} or { suspects, waiting, unkeyed }
  if what ~= 'delayed' then
    for level in pairs(levelsInUse(levels)) do lists[#lists + 1] = levels .. ':' .. level end
  end
  local sets = what == 'waiting' and {} or { delayed }
  local function length()
    local all = 0
    for _, list in ipairs(lists) do all = all + redis.call('LLEN', list) end
    for _, set in ipairs(sets) do all = all + redis.call('ZCARD', set) end
    return all
  end
  local hasKeys = redis.call('EXISTS', lanes) == 1
  if not hasKeys and redis.call('EXISTS', parked) == 0 then
    local all = length()
    for _, list in ipairs(lists) do redis.call('UNLINK', list) end
    levelsInUse(levels)
    for _, set in ipairs(sets) do redis.call('UNLINK', set) end
    return all, 0
  end
  local emptied, bytes = 0, 0
  local function isFull() return emptied >= ${MOST_EMPTIED} or bytes >= ${MOST_BYTES} end
  local function leave(element, isDelayed)
    local key, wasOut = keyOf(element)
    local out = outOf(key)
    if out and (wasOut or not isDelayed) then endStay(key, out) end
  end
  local function drop(elements, isDelayed, wasNeverOut)
    for _, element in ipairs(elements) do
      unpark(element)
      if hasKeys and not wasNeverOut then leave(element, isDelayed) end
      bytes = bytes + #element
    end
    emptied = emptied + #elements
  end
  local sampled = {
    [suspects] = function(nodes) return redis.call('MEMORY', 'USAGE', suspects, 'SAMPLES', nodes) end,
    [waiting] = function(nodes) return redis.call('MEMORY', 'USAGE', waiting, 'SAMPLES', nodes) end,
    [unkeyed] = function(nodes) return redis.call('MEMORY', 'USAGE', unkeyed, 'SAMPLES', nodes) end,
    [delayed] = function(nodes) return redis.call('MEMORY', 'USAGE', delayed, 'SAMPLES', nodes) end,
  }
  -- How many may be read at once; none if the first is large, since a large one names no body, and no key is in use.
  -- (Judged by the first node, the memory for each element is no more than what that node takes.)
  local function stepOf(key, many)
    if not sampled[key] then return 1 end -- the list of a level, whose messages have passed through scripts before
    local least = sampled[key](1) / many
    if hasKeys or least <= ${LARGE_BYTES} then return sampled[key](${STEP}) / many > ${SMALL_BYTES} and 1 or ${STEP} end
    emptied = emptied + 1
    bytes = bytes + least
    return 0
  end
  for _, list in ipairs(lists) do
    local many = redis.call('LLEN', list)
    while many > 0 and not isFull() do
      local step = stepOf(list, many)
      local some = step > 0 and redis.call('LRANGE', list, 0, step - 1)
      local removed = some and #some or 1
      redis.call('LTRIM', list, removed, -1)
      if some then drop(some, false, list == unkeyed) end
      many = many - removed
    end
  end
  for _, set in ipairs(sets) do
    local many = redis.call('ZCARD', set)
    while many > 0 and not isFull() do
      local step = stepOf(set, many)
      local some = step > 0 and redis.call('ZRANGE', set, 0, step - 1)
      local removed = some and #some or 1
      redis.call('ZREMRANGEBYRANK', set, 0, removed - 1)
      if some then drop(some, true) end
      many = many - removed
    end
  end
  levelsInUse(levels)
  return emptied, length()
end
`,
  ['waiting', 'levels', 'suspects', 'delayed', 'lanes', 'terms', 'resting', 'unkeyed'],
  [UNPARK, END_STAY, LEVELS],
);
