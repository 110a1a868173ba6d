import { IN_LANES } from './lanes-lua.js';
import { COUNT_LEVELS } from './levels-lua.js';
import { SharedLua } from '../script/shared-lua.js';

/**
 * The bound of a queue, as two Lua functions. `boundOf(terms)` is the most messages that its servers let wait, or nil.
 * `lengthOf(waiting, levels, suspects, delayed, lanes)` is how many count: all but those that consumers hold.
 */
export const LENGTH = new SharedLua(
  `
local function boundOf(terms)
  return tonumber(redis.call('HGET', terms, 'maxLength') or '')
end
local function lengthOf(waiting, levels, suspects, delayed, lanes)
  local _, inLevels = countLevels(levels)
  local inLanes = tonumber(redis.call('HGET', lanes, '${IN_LANES}') or 0) or 0
  return redis.call('LLEN', waiting) + inLevels + redis.call('LLEN', suspects) + redis.call('ZCARD', delayed) + inLanes
end
`,
  [],
  [COUNT_LEVELS],
);
