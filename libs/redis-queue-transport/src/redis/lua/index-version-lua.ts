import { SharedLua } from '../script/shared-lua.js';

/**
 * Raises the version of the index of groups, as the Lua function `raiseVersion()`. A version is a time in microseconds,
 * so that an index that was lost and rebuilt never has a version that it had before.
 */
export const RAISE_VERSION = new SharedLua(
  `
local function raiseVersion()
  local time = redis.call('TIME')
  local last = tonumber(redis.call('HGET', groups, 'version') or 0) or 0
  redis.call('HSET', groups, 'version', string.format('%.0f', math.max(time[1] * 1000000 + time[2], last + 1)))
end
`,
  ['groups'],
);
