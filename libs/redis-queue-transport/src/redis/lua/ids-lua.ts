import { SharedLua } from '../script/shared-lua.js';

/** How many expired ids one call removes. */
const MOST_FORGOTTEN = 1_000;

/**
 * Removes expired ids, or a part of them, from a sorted set, as the Lua function `forgetEnded(ids, now)`. An id that is
 * still found may have expired: check its time.
 */
export const FORGET_ENDED = new SharedLua(`
local function forgetEnded(ids, now)
  local ended = redis.call('ZCOUNT', ids, '-inf', now)
  if ended > 0 then redis.call('ZREMRANGEBYRANK', ids, 0, math.min(ended, ${MOST_FORGOTTEN}) - 1) end
end
`);
