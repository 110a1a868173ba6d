import { Script, readNumber } from '../script/script.js';
import { APPEND } from '../script/moving-lua.js';

/**
 * Moves dead letters to the tail of the queue: pairs of (entry, element as it is sent again). An entry that is gone,
 * redriven or deleted by somebody else, is passed over. Replies how many were moved.
 */
export const redrive = new Script({
  action: 'redrive dead letters',
  keys: ['dead', 'waiting'],
  args: [],
  shared: [APPEND],
  lua: `
local moved = 0
for i = FIRST, #ARGV, 2 do
  if #redis.call('XRANGE', dead, ARGV[i], ARGV[i]) == 1 then
    append(waiting, ARGV[i + 1])
    redis.call('XDEL', dead, ARGV[i])
    moved = moved + 1
  end
end
if redis.call('XLEN', dead) == 0 then redis.call('DEL', dead) end
return moved
`,
  read: readNumber,
});
