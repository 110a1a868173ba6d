import { SharedLua } from './shared-lua.js';

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
