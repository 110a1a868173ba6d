import { SharedLua } from './shared-lua.js';

/** So many ids whose time is over are removed with one call. */
const MOST_FORGOTTEN = 1_000;

/**
 * Removes ids whose time is over from a sorted set, or a part of them, as the Lua function `forgetEnded(ids, now)`. So the
 * time of one that is found is to be looked at.
 */
export const FORGET_ENDED = new SharedLua(`
local function forgetEnded(ids, now)
  local ended = redis.call('ZCOUNT', ids, '-inf', now)
  if ended > 0 then redis.call('ZREMRANGEBYRANK', ids, 0, math.min(ended, ${MOST_FORGOTTEN}) - 1) end
end
`);
