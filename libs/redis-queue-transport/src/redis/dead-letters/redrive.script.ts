import { Script, readNumber } from '../script/script.js';
import { ENTER } from '../lua/lanes-lua.js';
import { KEYS_NEWS } from '../lua/roles-lua.js';

/**
 * Moves dead letters to the tail of their levels, or of their lanes; `element` is what is sent again. Passes over an entry
 * that somebody else has redriven or deleted. Replies with how many it moved.
 */
export const redrive = new Script({
  action: 'redrive dead letters',
  keys: ['dead', 'waiting', 'levels', 'lanes', 'terms', 'resting', 'unkeyed'],
  args: ['wake'],
  rows: ['entry', 'element'],
  shared: [ENTER],
  lua: (row) => `
local moved = 0
local queue = {
  waiting = waiting, levels = levels, lanes = lanes, terms = terms, resting = resting, unkeyed = unkeyed,
}
local wasEmpty, isOutOfSight = redis.call('EXISTS', waiting) == 0, false
${row.each}
  if #redis.call('XRANGE', dead, entry, entry) == 1 then
    if enter(queue, element) and wasEmpty then isOutOfSight = true end
    redis.call('XDEL', dead, entry)
    moved = moved + 1
  end
end
if redis.call('XLEN', dead) == 0 then redis.call('DEL', dead) end
if isOutOfSight or firstRest(resting) then redis.call('PUBLISH', wake, '') end
if queue.mustTellReader then redis.call('PUBLISH', wake, '${KEYS_NEWS}') end
return moved
`,
  read: readNumber,
});
