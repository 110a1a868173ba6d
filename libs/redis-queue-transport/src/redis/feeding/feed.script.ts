import { Script } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';
import { APPEND } from '../lua/moving-lua.js';

/** Bounds of one call, so that none keeps Redis busy for long. */
const MOST_ELEMENTS = 250;
const MOST_BYTES = 1_048_576;

/**
 * Moves elements that others wrote to the tail of a queue, one after the other: first those that a wait has moved from
 * `source` to `fed`, then those at the end `from` (LEFT or RIGHT) of `source`. Each becomes the body of a message of
 * ours with an id and nothing else: it is data, even if it looks like a message. The caller makes sure that hardly any
 * of them is large: wrapping a large one takes long.
 *
 * At most `most`; none of `source` unless `readsSource` is 1.
 *
 * Adds nothing to what Redis already holds. Replies with 1 if there may be more, else 0.
 */
export const feed = new Script({
  action: 'move messages from a list to its queue',
  keys: ['source', 'fed', 'waiting'],
  args: ['from', 'newId', 'most', 'readsSource'],
  shared: [NOW_MS, APPEND],
  lua: `
local now = nowMs()
-- Checked before anything is moved: a key of another type must fail the call while the element is still in its place.
redis.call('LLEN', waiting)
redis.call('LLEN', source)
local moved, bytes = 0, 0

local function wrapped(element)
  return string.format('{"rq":1,"id":"%s-%d","at":%.0f}\\n', newId, moved, now) .. element
end

-- Added before it is removed, and removed without being read again.
local function moveOne(list, isLeft)
  local element = redis.call('LINDEX', list, isLeft and 0 or -1)
  if not element then return false end
  moved = moved + 1
  bytes = bytes + #element
  append(waiting, wrapped(element))
  if isLeft then redis.call('LTRIM', list, 1, -1) else redis.call('LTRIM', list, 0, -2) end
  return true
end

while moved < math.min(most, ${MOST_ELEMENTS}) and bytes < ${MOST_BYTES} do
  if not moveOne(fed, true) and not (readsSource == '1' and moveOne(source, from == 'LEFT')) then return 0 end
end
return 1
`,
  read: (reply): boolean => reply === 1,
});
