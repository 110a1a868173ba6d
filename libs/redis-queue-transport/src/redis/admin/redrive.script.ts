import { Script, readNumber } from '../script/script.js';
import { ENTER } from '../lua/lanes-lua.js';

/**
 * Moves dead letters to the tail of their levels, or of their lanes; `element` is what is sent again. Passes over an entry
 * that somebody else has redriven or deleted. Replies with how many it moved.
 */
export const redrive = new Script({
  action: 'redrive dead letters',
  keys: ['dead', 'waiting', 'levels', 'lanes', 'terms', 'resting'],
  args: ['wake'],
  rows: ['entry', 'element'],
  shared: [ENTER],
  lua: (row) => `
local moved = 0
local wasEmpty, isOutOfSight = redis.call('EXISTS', waiting) == 0, false
${row.each}
  if #redis.call('XRANGE', dead, entry, entry) == 1 then
    if enter(waiting, levels, lanes, terms, resting, element) and wasEmpty then isOutOfSight = true end
    redis.call('XDEL', dead, entry)
    moved = moved + 1
  end
end
if redis.call('XLEN', dead) == 0 then redis.call('DEL', dead) end
if isOutOfSight or firstRest(resting) then redis.call('PUBLISH', wake, '') end
return moved
`,
  read: readNumber,
});
