import { MOST_KEY_BYTES } from '../../core/message/key.js';
import {
  HIGHEST_PRIORITY,
  LOWER_EVERY,
  PRIORITY_WINDOW,
  USUAL_PRIORITY,
} from '../../core/message/priority.js';
import { BEHIND_COUNTS, KEY_CHARACTERS } from './front-lua.js';
import { LARGE_BYTES } from '../script/script.js';
import { SharedLua } from '../script/shared-lua.js';

/**
 * Finds the priority of an element, as the Lua function `levelOf(element)`, by the rule of core/message/priority.ts: 4 for
 * most elements, which have none.
 */
export const LEVEL_OF = new SharedLua(
  `
local function levelOf(element)
  -- This byte alone tells most elements.
  local tenth = string.byte(element, 10)
  if tenth == 105 or string.sub(element, 1, 7) ~= '{"rq":1' then return ${USUAL_PRIORITY} end
  local front = string.sub(element, 1, ${PRIORITY_WINDOW})
  -- The usual case: one with a key that was never handed out.
  local at = tenth == 107 and 8 or behindCounts(front)
  local key, behindKey = string.match(front, '^,"key":"(${KEY_CHARACTERS}+)"()', at)
  if key and #key <= ${MOST_KEY_BYTES} then at = behindKey end
  local level = string.match(front, '^,"priority":(%d)[,}]', at)
  return level and string.find(element, '\\n', 1, true) and tonumber(level) or ${USUAL_PRIORITY}
end
`,
  [],
  [BEHIND_COUNTS],
);

/** Name of a field of the hash `levels` that is no level: how many messages were taken while several levels had some. */
const TURN = 'turn';

/**
 * How many messages each level has but the usual one, as the Lua function `countLevels(levels)`. Returns that, the sum, and
 * the fields of the hash for which there are none.
 */
export const COUNT_LEVELS = new SharedLua(`
local function countLevels(levels)
  local counts, sum, idle = {}, 0, {}
  for _, field in ipairs(redis.call('HKEYS', levels)) do
    -- A list of another type holds no messages.
    local many = string.find(field, '^[0-35-9]$') and redis.pcall('LLEN', levels .. ':' .. field)
    if type(many) == 'number' and many > 0 then
      counts[tonumber(field)] = many
      sum = sum + many
    elseif field ~= '${TURN}' then
      idle[#idle + 1] = field
    end
  end
  return counts, sum, idle
end
`);

/**
 * The lists of levels: `waiting` has the messages of level 4 and what others push, and each other level in use has a list of
 * its own. The fields of the hash `levels` name those that may be in use; its name begins the names of the lists.
 *
 * - `levelsInUse(levels)`: how many messages each has, and the sum. Forgets those that have none.
 * - `fill(waiting, levels, from)`: if `waiting` is empty, moves the next message of the highest level there, so that a
 *   blocked consumer gets it. Returns whether levels still have some.
 */
export const LEVELS = new SharedLua(
  `
local function levelsInUse(levels)
  local counts, sum, idle = countLevels(levels)
  if sum == 0 then redis.call('DEL', levels)
  else for _, field in ipairs(idle) do redis.call('HDEL', levels, field) end end
  return counts, sum
end
local function fill(waiting, levels, from)
  local counts, sum = levelsInUse(levels)
  if sum == 0 then return false end
  if redis.call('EXISTS', waiting) == 1 then return true end
  for level = ${HIGHEST_PRIORITY}, 0, -1 do
    if counts[level] then
      redis.call('LMOVE', levels .. ':' .. level, waiting, from, 'RIGHT')
      if sum == 1 then redis.call('DEL', levels)
      elseif counts[level] == 1 then redis.call('HDEL', levels, level) end
      return sum > 1
    end
  end
end
`,
  [],
  [COUNT_LEVELS],
);

/**
 * Adds an element at the end of its level, as the Lua function `toItsLevel(waiting, levels, element)`. If nothing waits, it
 * goes to `waiting` whatever its level, so that a blocked consumer gets it, and also if the list of its level is a key of
 * another type, which holds no messages. Returns whether it is in the list of a level.
 */
export const TO_ITS_LEVEL = new SharedLua(
  `
local function toItsLevel(waiting, levels, element)
  local level = levelOf(element)
  if level ~= ${USUAL_PRIORITY} and redis.call('EXISTS', waiting, levels) > 0 then
    redis.call('HSET', levels, level, 1)
    if type(redis.pcall('RPUSH', levels .. ':' .. level, element)) == 'number' then return true end
  end
  redis.call('RPUSH', waiting, element)
  return false
end
`,
  [],
  [LEVEL_OF],
);

/**
 * An element of another level at the beginning of `waiting` went there while nothing else waited. The Lua function
 * `recall()` moves it to the head of its own level, and returns whether there was one. A large element is not read: it is
 * none of those.
 */
export const RECALL = new SharedLua(
  `
local function recall()
  local size = redis.call('MEMORY', 'USAGE', waiting, 'SAMPLES', 1)
  if not size or size > ${LARGE_BYTES} and size > ${LARGE_BYTES} * redis.call('LLEN', waiting) then return false end
  local level = levelOf(redis.call('LINDEX', waiting, 0))
  if level == ${USUAL_PRIORITY} then return false end
  redis.call('HSET', levels, level, 1)
  -- If that is a key of another type, it stays.
  return type(redis.pcall('LMOVE', waiting, levels .. ':' .. level, 'LEFT', takesFrom)) == 'string'
end
`,
  ['waiting', 'levels', 'takesFrom'],
  [LEVEL_OF],
);

/**
 * Takes up to `most` elements by their levels, as the Lua function `takeByLevel(most, reply, at, mostBytes)`: from the
 * highest level that has some, and each tenth one from the lower ones in turn. They go into the reply from `at` on. Returns
 * how many, and what it says about elements that were left: false, 'full' or 'large'.
 *
 * And `lead()`: puts the next of the highest level above the usual one at the head of `waiting`, for what takes from
 * there by plain commands.
 *
 * Elements of levels have passed through scripts before, so none is too large for one. Those of `waiting` may be.
 */
export const TAKE_BY_LEVEL = new SharedLua(
  `
local function takeByLevel(most, reply, at, mostBytes)
  recall()
  local counts = levelsInUse(levels)
  local many = redis.call('LLEN', waiting)
  counts[${USUAL_PRIORITY}] = many
  local isReadable = many == 0 or readsLarge == '1'
    or redis.call('MEMORY', 'USAGE', waiting, 'SAMPLES', 64) / many <= ${LARGE_BYTES}
  local turn = tonumber(redis.call('HGET', levels, '${TURN}') or 0) or 0
  local before = turn
  local function choose()
    local highest, lower = nil, {}
    for level = ${HIGHEST_PRIORITY}, 0, -1 do
      if (counts[level] or 0) > 0 then
        if highest then lower[#lower + 1] = level else highest = level end
      end
    end
    if #lower == 0 then return highest end
    turn = turn + 1
    return turn % ${LOWER_EVERY} > 0 and highest or lower[(turn / ${LOWER_EVERY} - 1) % #lower + 1]
  end
  local taken, bytes, cut = 0, 0, false
  while taken < most do
    if bytes >= mostBytes then
      cut = 'full'
      break
    end
    local wasTurn = turn
    local level = choose()
    if not level then break end
    if level == ${USUAL_PRIORITY} and not isReadable then
      turn = wasTurn
      cut = taken == 0 and 'large' or 'full'
      break
    end
    local list = level == ${USUAL_PRIORITY} and waiting or levels .. ':' .. level
    local element = redis.call('LMOVE', list, processing, takesFrom, 'RIGHT')
    reply[at + taken] = element
    taken = taken + 1
    bytes = bytes + #element
    counts[level] = counts[level] - 1
  end
  if turn ~= before then redis.call('HSET', levels, '${TURN}', string.format('%.0f', turn)) end
  return taken, cut
end
local function lead()
  local counts = levelsInUse(levels)
  for level = ${HIGHEST_PRIORITY}, ${USUAL_PRIORITY} + 1, -1 do
    if counts[level] then return redis.call('LMOVE', levels .. ':' .. level, waiting, takesFrom, takesFrom) end
  end
end
`,
  ['waiting', 'levels', 'processing', 'takesFrom', 'readsLarge'],
  [RECALL, LEVELS],
);
