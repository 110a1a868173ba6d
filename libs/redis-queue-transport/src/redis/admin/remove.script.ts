import { Script } from '../script/script.js';
import { USUAL_PRIORITY } from '../../core/message/priority.js';
import { END_STAY } from '../lua/lanes-lua.js';
import { LEVELS } from '../lua/levels-lua.js';
import { UNPARK } from '../lua/parking-lua.js';

/**
 * Removes one copy of an element that nobody holds, with its parked body. Replies with 1, or 0 if it is not there (any
 * more).
 */
export const remove = new Script({
  action: 'remove a message',
  keys: [
    'waiting',
    'levels',
    'suspects',
    'delayed',
    'parked',
    'lanes',
    'terms',
    'resting',
    'unkeyed',
  ],
  args: ['element', 'wake'],
  shared: [UNPARK, END_STAY, LEVELS],
  lua: `
local key, wasOut = keyOf(element)
local out = outOf(key)
local level = levelOf(element)
local removed = redis.call('ZREM', delayed, element)
if removed == 1 and not wasOut then out = nil end
if removed == 0 then removed = redis.call('LREM', suspects, 1, element) end
if removed == 0 then removed = redis.call('LREM', waiting, -1, element) end
if removed == 0 and level ~= ${USUAL_PRIORITY} then removed = redis.call('LREM', levels .. ':' .. level, -1, element) end
if removed == 1 then
  if out then endStay(key, out) end
  -- Nobody looks into the lists of levels while consumers are blocked at an empty list.
  fill(waiting, levels, 'LEFT')
else
  removed = redis.call('LREM', unkeyed, 1, element)
end
if removed == 0 and key then
  removed = redis.pcall('LREM', lanes .. ':' .. key, 1, element) == 1 and 1 or 0
  if removed == 1 then countOutOfLanes(lanes, 1) end
end
if removed == 1 then unpark(element) end
if firstRest(resting) then redis.call('PUBLISH', wake, '') end
return removed
`,
  read: (reply): boolean => reply === 1,
});
