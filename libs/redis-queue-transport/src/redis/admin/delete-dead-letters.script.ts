import { Script, readNumber } from '../script/script.js';
import { UNPARK } from '../script/parking-lua.js';

/** Deletes dead letters by their entries (behind the named arguments). Replies how many were there. */
export const deleteDeadLetters = new Script({
  action: 'delete dead letters',
  keys: ['dead', 'parked'],
  args: [],
  shared: [UNPARK],
  lua: `
if redis.call('EXISTS', parked) == 1 then
  for i = FIRST, #ARGV do
    for _, entry in ipairs(redis.call('XRANGE', dead, ARGV[i], ARGV[i])) do unpark(entry[2][2]) end
  end
end
local deleted = redis.call('XDEL', dead, unpack(ARGV, FIRST))
if redis.call('XLEN', dead) == 0 then redis.call('DEL', dead) end
return deleted
`,
  read: readNumber,
});
