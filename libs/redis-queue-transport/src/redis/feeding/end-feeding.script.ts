import { Script } from '../script/script.js';
import { APPEND } from '../lua/moving-lua.js';

/**
 * Moves a large element to the tail of a queue, as the last command of a transaction. The commands before it have put a
 * `small` element right before it in `fed`, and all of it as a body under `name` into `parked`. Moves the small one,
 * and removes the large one without reading it. If the large one is not there (any more), it undoes everything.
 *
 * Replies with 1 if the small one is in the queue, else 0.
 */
export const endFeeding = new Script({
  action: 'move a large message from a list to its queue',
  keys: ['fed', 'waiting', 'parked', 'counts'],
  args: ['name', 'small'],
  shared: [APPEND],
  lua: `
local at = redis.call('LPOS', fed, small)
-- A key of another type has refused the body, or will refuse the element.
local hasBody = redis.pcall('HEXISTS', parked, name) == 1
local isList = type(redis.pcall('LLEN', waiting)) == 'number'
if not at or not hasBody or not isList then
  if at then redis.call('LREM', fed, 1, small) end
  if hasBody then redis.call('HDEL', parked, name) end
  return 0
end
append(waiting, small)
-- Removed by its place, so its bytes are never copied. The name that replaces it equals nothing else there.
redis.call('LSET', fed, at + 1, name)
redis.call('LREM', fed, 1, name)
redis.call('LREM', fed, 1, small)
-- Only people read this count: a key of another type must not undo the rest.
redis.pcall('HINCRBY', counts, 'parkedEver', 1)
return 1
`,
  read: (reply): boolean => reply === 1,
});
