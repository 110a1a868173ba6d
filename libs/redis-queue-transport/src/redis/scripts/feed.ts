import { Script, readNumber } from '../script.js';

/**
 * Moves up to `most` elements of a list of somebody else's to the tail of a queue, one after the other from the end
 * `from` (LEFT or RIGHT). Takes nothing in that Redis does not hold already. Replies how many were moved.
 */
export const feed = new Script({
  action: 'move messages from a list to its queue',
  keys: ['source', 'waiting'],
  args: ['from', 'most'],
  lua: `
-- Looked at before anything is moved: LMOVE from an empty list does not mind what the other key is.
redis.call('LLEN', waiting)
for moved = 0, most - 1 do
  if not redis.call('LMOVE', source, waiting, from, 'RIGHT') then return moved end
end
return tonumber(most)
`,
  read: readNumber,
});
