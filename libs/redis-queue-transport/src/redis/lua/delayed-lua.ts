import { GROUP_MARK } from '../../core/message/queue-name.js';
import { USUAL_PRIORITY } from '../../core/message/priority.js';
import { LANES } from './lanes-lua.js';
import { LEVEL_OF, LEVELS, TO_ITS_LEVEL } from './levels-lua.js';
import { PUT_BACK } from './moving-lua.js';
import { TELL_KEEPER, TELL_READER } from './roles-lua.js';
import { UNKEYED } from './unkeyed-lua.js';
import { LARGE_BYTES } from '../script/script.js';
import { SharedLua } from '../script/shared-lua.js';

/**
 * Adds to the delayed messages, as the Lua function `delay(due, element)`; the element must have a header. And
 * `tellDue()`: if one of those is due before all others, it tells the queue's timekeeper.
 *
 * A sorted set holds equal bytes only once. So of two equal elements, one gets blanks at the end of its header, which
 * mean nothing, in a pattern that hardly comes twice: the time, in binary.
 */
export const DELAY = new SharedLua(
  `
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
  if earliestDue then tellKeeper(roles, wake, earliestDue) end
end
`,
  ['delayed', 'roles', 'wake'],
  [TELL_KEEPER],
);

/** How many delayed messages one call moves, how many it reads at once, and how many bytes. */
const MOST_DUE = 100;
const DUE_STEP = 16;
const MOST_DUE_BYTES = 1_048_576;

/** Enough of an element to tell it from others: its id is near the beginning. */
const OFFERED_BYTES = 96;

/** The key of the terms of a group's queue, as a Lua pattern. */
const TERMS_OF_GROUP = `}${GROUP_MARK}[%w_.-]+:terms$`;

/** Longer than any timer can run. */
const LATEST_DUE_MS = 2 ** 31;

/**
 * Moves delayed messages that are due to the head of their levels, the earliest first, as the Lua function
 * `releaseDue(now, isPaused)`. There must be delayed messages. It moves no more than this consumer has places for now
 * (`room`): more would stay at the head, and what comes due next would overtake them. If it has no place, it moves one,
 * for another consumer that waits, as long as the queue is empty. It moves none while the queue is paused. One that was
 * not handed out before, and has a key of which others are out, goes to the end of its lane instead.
 *
 * If nobody has taken the one for another consumer by the next time, it stays in front of those that are due later:
 * `offered` in `roles` is how it begins.
 *
 * While several levels have messages, one that was not handed out before goes to the end of its level: at the head, it would
 * pass those that were due before it and wait because others are of a higher level. The field `dueLast` in `roles` says
 * that some may be left in `waiting`; the next ones go to its end until it is empty.
 *
 * Returns when the next one is due, or false if nobody has to know; ms until then, 0 if more are due that can be moved,
 * -1 if there is no need to look; and 1 if the first one that is due is large. If `knownDue` is still to come, the next
 * one is not read again.
 *
 * A large one is not read at all, unless `readsLarge` is 1: unlike a list, a sorted set tells how large its first
 * elements are (memory by the mean of the first ones, times their number). Nothing behind a due large one is moved.
 */
export const RELEASE_DUE = new SharedLua(
  `
local function releaseDue(now, isPaused)
  local function meanOfFirst(many)
    return redis.call('MEMORY', 'USAGE', delayed, 'SAMPLES', many) / redis.call('ZCARD', delayed)
  end
  local function isFirstLarge() return readsLarge == '0' and meanOfFirst(1) > ${LARGE_BYTES} end
  -- When the first is due, in whole ms, found by counting how many are due at certain times.
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
  -- The head of the queue, if it was offered to others. A large head is not read.
  local function offeredHead(offered)
    local many = offered and redis.call('LLEN', waiting) or 0
    if many == 0 or redis.call('MEMORY', 'USAGE', waiting, 'SAMPLES', 1) / many > ${LARGE_BYTES} then return false end
    local at = takesFrom == 'RIGHT' and -1 or 0
    local head = redis.call('LRANGE', waiting, at, at)[1]
    return string.sub(head, 1, #offered) == offered and head
  end
  local allDue = redis.call('ZCOUNT', delayed, '-inf', now)
  local most, isDueLarge, first = 0, 0, false
  if isPaused == 0 then
    if allDue > 0 and isFirstLarge() then isDueLarge = 1
    elseif tonumber(room) > 0 then most = math.min(room, ${MOST_DUE})
    elseif redis.call('LLEN', waiting) == 0 then most = 1 end
  end
  most = math.min(most, allDue)
  local roleOf = most > 0 and redis.call('HMGET', roles, 'offered', 'dueLast') or {}
  if most > 0 and tonumber(room) > 0 then first = offeredHead(roleOf[1]) end
  if first then most = math.min(most, room - 1) end
  if most > ${DUE_STEP} and most * meanOfFirst(most) > ${MOST_DUE_BYTES} then most = ${DUE_STEP} end
  if most > 1 and most * meanOfFirst(most) > ${MOST_DUE_BYTES} then most = 1 end
  local function areLevelsInUse()
    return redis.call('EXISTS', levels) == 1 and select(2, levelsInUse(levels)) > 0
  end
  local isFirstUsual = first and levelOf(first) == ${USUAL_PRIORITY}
  -- Higher ones may keep it waiting, too.
  if isFirstUsual and most == 0 and areLevelsInUse() then redis.call('HSET', roles, 'dueLast', 1) end
  if most > 0 then
    local due = redis.call('ZRANGE', delayed, 0, most - 1)
    local goes = {}
    -- Only groups read keys from data.
    local group = string.find(terms, '${TERMS_OF_GROUP}') and { terms = terms, unkeyed = unkeyed, roles = roles, wake = wake }
    local function wasOut(element)
      local tenth = string.byte(element, 10)
      return tenth == 97 or tenth == 99 -- "attempt" or "crashes"
    end
    local function waitsForKey(element)
      return not wasOut(element) and isKeyed(group) and not addUnkeyed(group, element)
    end
    for i = 1, most do
      if group and waitsForKey(due[i]) then goes[i] = false
      else
        local key, isCounted = keyOf(due[i])
        -- A lane of another type holds no messages.
        goes[i] = not key or isCounted or goesOut(lanes, terms, resting, key) or toLane(lanes, key, due[i]) ~= nil
      end
    end
    if group then tellReader(group) end
    local isOffered = goes[1]
    -- Nothing may fail from here until it is back: suspects that are no list would lose it.
    if first then
      redis.call('LLEN', suspects)
      redis.call('HLEN', levels)
      if takesFrom == 'RIGHT' then redis.call('LTRIM', waiting, 0, -2) else redis.call('LTRIM', waiting, 1, -1) end
    end
    hasRecalled = true
    isLevelled = recall()
    local isMixed = isLevelled or areLevelsInUse()
    local isEnd = isMixed or roleOf[2] and redis.call('EXISTS', waiting) == 1
    local isDueLast = isMixed and isFirstUsual and '1' or isEnd and roleOf[2]
    for i = 1, most do
      if goes[i] and isEnd and not wasOut(due[i]) then
        goes[i] = false
        if toItsLevel(waiting, levels, due[i]) then isLevelled = true else isDueLast = '1' end
      end
    end
    for i = most, 1, -1 do
      if goes[i] then putBack(due[i]) end
    end
    if first then putBack(first) end
    redis.call('ZREMRANGEBYRANK', delayed, 0, most - 1)
    if isDueLast and not roleOf[2] then redis.call('HSET', roles, 'dueLast', 1)
    elseif roleOf[2] and not isDueLast then redis.call('HDEL', roles, 'dueLast') end
    if room == '0' and isOffered then redis.call('HSET', roles, 'offered', string.sub(due[1], 1, ${OFFERED_BYTES})) end
  end
  if first then redis.call('HDEL', roles, 'offered') end
  local nextDue, dueIn = false, -1
  local isKnown = knownDue ~= '' and tonumber(knownDue) > now
  if isKnown and redis.call('ZCOUNT', delayed, '-inf', '(' .. knownDue) == 0 then nextDue = knownDue
  elseif isDueLarge == 0 and redis.call('ZCARD', delayed) > 0 then
    if isFirstLarge() then nextDue = firstDue()
    else nextDue = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2] end
  end
  if nextDue then dueIn = math.max(0, math.ceil(tonumber(nextDue) - now)) end
  -- Due messages stay for the consumer that takes next.
  if dueIn == 0 and most == 0 and not first then dueIn = -1 end
  return nextDue, dueIn, isDueLarge
end
`,
  [
    'delayed',
    'waiting',
    'levels',
    'suspects',
    'roles',
    'lanes',
    'terms',
    'resting',
    'unkeyed',
    'wake',
    'room',
    'knownDue',
    'readsLarge',
    'takesFrom',
  ],
  [PUT_BACK, LEVEL_OF, LEVELS, TO_ITS_LEVEL, LANES, UNKEYED, TELL_READER],
);
