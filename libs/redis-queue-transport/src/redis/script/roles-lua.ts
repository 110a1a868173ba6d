import { SharedLua } from './shared-lua.js';

/**
 * Ends what a consumer does for the others of its queue, as the Lua function `endRoles(consumer)`; answers whether that was
 * anything: then somebody else is to do it.
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
  return hasAny
end
`,
  ['roles'],
);
