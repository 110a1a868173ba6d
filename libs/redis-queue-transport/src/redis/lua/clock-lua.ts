import { SharedLua } from '../script/shared-lua.js';

/** Milliseconds of Redis's clock, as the Lua function `nowMs()`. */
export const NOW_MS = new SharedLua(`
local function nowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`);
