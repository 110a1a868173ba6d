import { Script, readNumber } from '../script/script.js';
import { UNPARK } from '../lua/parking-lua.js';

/** Deletes dead letters by their entries. Replies with how many were there. */
export const deleteDeadLetters = new Script({
  action: 'delete dead letters',
  keys: ['dead', 'parked'],
  args: [],
  rows: ['entry'],
  shared: [UNPARK],
  lua: (row) => `
if redis.call('EXISTS', parked) == 1 then
  ${row.each}
    for _, found in ipairs(redis.call('XRANGE', dead, entry, entry)) do unpark(found[2][2]) end
  end
end
local deleted = redis.call('XDEL', dead, unpack(ARGV, FIRST))
if redis.call('XLEN', dead) == 0 then redis.call('DEL', dead) end
return deleted
`,
  read: readNumber,
});
