import type { QueueOrder } from '../../core/broker/lease.js';
import { SharedLua } from './shared-lua.js';

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
 * running in a process that died, else at the head of the queue, which is the end from which the consumer takes
 * (`takesFrom`).
 */
export const PUT_BACK = new SharedLua(
  `
local function putBack(element)
  -- Its tenth byte alone tells most elements from a suspect's.
  local isSuspect = string.byte(element, 10) == 99 and string.sub(element, 1, 18) == '{"rq":1,"crashes":'
  if isSuspect then redis.call('LPUSH', suspects, element)
  elseif takesFrom == 'RIGHT' then redis.call('RPUSH', waiting, element)
  else redis.call('LPUSH', waiting, element) end
end
`,
  ['waiting', 'suspects', 'takesFrom'],
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
    if not element then return 0 end
    -- Added before it is removed: should a command fail, nothing is lost.
    putBack(element)
    redis.call('LTRIM', processing, 0, -2)
    moved = moved + 1
    bytes = bytes + #element
  end
  return redis.call('LLEN', processing)
end
`,
  ['processing'],
  [PUT_BACK],
);
