import type { QueueOrder } from '../../core/broker/lease.js';
import { USUAL_PRIORITY } from '../../core/message/priority.js';
import { LEVEL_OF, LEVELS, RECALL } from './levels-lua.js';
import { SharedLua } from '../script/shared-lua.js';

/** Bounds of what one call gives back. */
export const MOST_RETURNED = 500;
export const MOST_RETURNED_BYTES = 262_144;

/** The end of `waiting` from which a consumer takes. New messages come at the right. */
export type TakingEnd = 'LEFT' | 'RIGHT';

export function takingEnd(order: QueueOrder | undefined): TakingEnd {
  return order === 'newestFirst' ? 'RIGHT' : 'LEFT';
}

/**
 * Puts an element back where it came from, as the Lua function `putBack(element)`: at the head of the suspects if it was
 * running in a process that died, else at the head of its level, which is the end from which the consumer takes
 * (`takesFrom`). Call `fillUp()` behind the last one, so that blocked consumers get what is in the lists of levels.
 *
 * In front of the first one, it moves what stands in `waiting` although it is of another level to where that belongs
 * (RECALL): it would else wait behind this one, or come before it.
 */
export const PUT_BACK = new SharedLua(
  `
local isLevelled, hasRecalled = false, false
local function putBack(element)
  -- Its tenth byte alone tells most elements from a suspect's.
  local isSuspect = string.byte(element, 10) == 99 and string.sub(element, 1, 18) == '{"rq":1,"crashes":'
  if isSuspect then return redis.call('LPUSH', suspects, element) end
  if not hasRecalled then
    hasRecalled = true
    if recall() then isLevelled = true end
  end
  local level = levelOf(element)
  if level ~= ${USUAL_PRIORITY} then
    isLevelled = true
    redis.call('HSET', levels, level, 1)
    local list, length = levels .. ':' .. level, nil
    if takesFrom == 'RIGHT' then length = redis.pcall('RPUSH', list, element)
    else length = redis.pcall('LPUSH', list, element) end
    -- A list of another type holds no messages.
    if type(length) == 'number' then return end
  end
  if takesFrom == 'RIGHT' then redis.call('RPUSH', waiting, element)
  else redis.call('LPUSH', waiting, element) end
end
local function fillUp()
  return isLevelled and fill(waiting, levels, takesFrom)
end
`,
  ['waiting', 'levels', 'suspects', 'takesFrom'],
  [LEVEL_OF, LEVELS, RECALL],
);

/** Adds an element at the tail of a queue, as the Lua function `append(waiting, element)`. */
export const APPEND = new SharedLua(`
local function append(waiting, element) redis.call('RPUSH', waiting, element) end
`);

/**
 * Puts back what a consumer holds, unchanged and in order, as the Lua function `giveBack()`: all of it, or a part, the
 * newest first. Returns how many it still holds.
 */
export const GIVE_BACK = new SharedLua(
  `
local function giveBack()
  local moved, bytes = 0, 0
  while moved < ${MOST_RETURNED} and bytes < ${MOST_RETURNED_BYTES} do
    local element = redis.call('LINDEX', processing, -1)
    if not element then break end
    -- Added before it is removed: should a command fail, nothing is lost.
    putBack(element)
    redis.call('LTRIM', processing, 0, -2)
    moved = moved + 1
    bytes = bytes + #element
  end
  fillUp()
  return redis.call('LLEN', processing)
end
`,
  ['processing'],
  [PUT_BACK],
);
