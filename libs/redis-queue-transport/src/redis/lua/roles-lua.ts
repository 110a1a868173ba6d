import { SharedLua } from '../script/shared-lua.js';

/** News on the channel of a process, followed by a Redis time in ms: something is due then, before all else. */
export const DUE = 'due';

/**
 * Tells the timekeeper of a queue, or all consumers of a queue without one, that something is due then, as the Lua function
 * `tellKeeper(roles, wake, due)`. (The process of a consumer is its name up to the last number.)
 */
export const TELL_KEEPER = new SharedLua(`
local function tellKeeper(roles, wake, due)
  local keeper = redis.call('HGET', roles, 'timekeeper')
  local process = keeper and string.gsub(keeper, '%-%d+$', '')
  local news = string.format('${DUE} %.0f', due)
  if not process or redis.call('PUBLISH', wake .. ':' .. process, news) == 0 then redis.call('PUBLISH', wake, '') end
end
`);

/**
 * Ends the roles that a consumer has in its queue, as the Lua function `endRoles(consumer)`. Returns whether it had
 * any, which another consumer must then take over. It also forgets what was offered, so that nothing is left behind by
 * the last consumer.
 */
export const END_ROLES = new SharedLua(
  `
local function endRoles(consumer)
  local hasAny = false
  for _, role in ipairs({ 'trial', 'timekeeper' }) do
    if redis.call('HGET', roles, role) == consumer then
      redis.call('HDEL', roles, role)
      hasAny = true
    end
  end
  redis.call('HDEL', roles, 'offered')
  return hasAny
end
`,
  ['roles'],
);
