import { Script, readNumber } from '../script.js';

/** Deletes dead letters by their entries (behind the named arguments). Replies how many were there. */
export const deleteDeadLetters = new Script({
  action: 'delete dead letters',
  keys: ['dead'],
  args: [],
  lua: `
local deleted = redis.call('XDEL', dead, unpack(ARGV, FIRST))
if redis.call('XLEN', dead) == 0 then redis.call('DEL', dead) end
return deleted
`,
  read: readNumber,
});
