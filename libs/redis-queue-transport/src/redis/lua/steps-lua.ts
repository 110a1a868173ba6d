import { SharedLua } from '../script/shared-lua.js';

/** Enough for one call, so that none keeps Redis busy for long. */
const MOST_BYTES = 524_288;
/** Most elements read at once, since the size of the next ones is unknown. */
const LARGEST_STEP = 4;
/** About how many bytes are read at once if earlier elements were large. */
const STEP_BYTES = 262_144;

/**
 * Reads on until `most` are read, or enough bytes, as the Lua function `readInSteps(most, read, use)`: one element at
 * first, and then more at once for as long as they are small. `read(seen, count)` returns the `count` elements behind
 * the first `seen`, and `use(one)` the size of one. Returns how many were read, and whether there are no more.
 */
export const READ_IN_STEPS = new SharedLua(`
local function readInSteps(most, read, use)
  local seen, bytes, step = 0, 0, 1
  while seen < most and bytes < ${MOST_BYTES} do
    local count = math.min(step, most - seen)
    local some = read(seen, count)
    local size = 0
    for _, one in ipairs(some) do size = size + use(one) end
    seen = seen + #some
    bytes = bytes + size
    if #some < count then return seen, true end
    step = math.max(1, math.min(2 * step, ${LARGEST_STEP}, math.floor(${STEP_BYTES} * count / math.max(1, size))))
  end
  return seen, false
end
`);
