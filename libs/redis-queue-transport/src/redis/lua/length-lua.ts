import { IN_LANES } from './lanes-lua.js';
import { COUNT_LEVELS } from './levels-lua.js';
import { KEYED } from './unkeyed-lua.js';
import { SharedLua } from '../script/shared-lua.js';

/**
 * What senders need of the terms of a queue, as the Lua function `readTerms(queue)`: `queue.most`, the most messages that its
 * servers let wait, or nil; and `queue.isKeyed` (UNKEYED). And `lengthOf(queue)`: how many messages a bound counts, all but
 * those that consumers hold. The queue is a table of its keys, by their names.
 */
export const LENGTH = new SharedLua(
  `
local function readTerms(queue)
  local most, keyed = unpack(redis.call('HMGET', queue.terms, 'maxLength', '${KEYED}'))
  queue.most = tonumber(most or '')
  queue.isKeyed = keyed and true or false
end
local function lengthOf(queue)
  local _, inLevels = countLevels(queue.levels)
  local inLanes = tonumber(redis.call('HGET', queue.lanes, '${IN_LANES}') or 0) or 0
  local unkeyed = queue.isKeyed and redis.call('LLEN', queue.unkeyed) or 0
  return redis.call('LLEN', queue.waiting) + inLevels + redis.call('LLEN', queue.suspects)
    + redis.call('ZCARD', queue.delayed) + inLanes + unkeyed
end
`,
  [],
  [COUNT_LEVELS],
);
