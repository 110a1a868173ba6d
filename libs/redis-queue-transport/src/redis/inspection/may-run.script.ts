import { Script } from '../script/script.js';

/**
 * Whether the user may run a command without keys. Its words follow the named arguments. Asking leaves nothing in the
 * log of Redis.
 */
export const mayRun = new Script({
  action: 'look at permissions',
  keys: [],
  args: [],
  rows: ['word'],
  readsOnly: true,
  lua: `
local isKnown, isAllowed = pcall(redis.acl_check_cmd, unpack(ARGV, FIRST))
return isKnown and isAllowed and 1 or 0
`,
  read: (reply) => reply === 1,
});
