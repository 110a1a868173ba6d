import { MOST_LANES_SEEN } from '../../core/admin/admin-broker.js';
import { IN_LANES } from '../lua/lanes-lua.js';
import { SharedLua } from '../script/shared-lua.js';
import { HEAD_OF } from './waiting.script.js';

/** So many bytes of first messages in lanes are read, and the one that exceeds them. */
const MOST_READ_BYTES = 524_288;

/**
 * The first messages of a queue, as the Lua function `firstOnes(seen)` of what `waitingSeen()` returned: { the header line
 * of the one that was sent first, how many lanes there are, how many messages the longest has }. The text is empty if
 * none of them says when it was sent.
 *
 * It looks at the lanes of one part of the keys in use, where no messages in lanes cost nothing. Which header is the
 * oldest is judged by the first `"at":` in it, which the caller has to read again.
 */
export const FIRST_ONES = new SharedLua(
  `
local function firstOnes(seen)
  local oldest, oldestAt = '', math.huge
  local function see(head)
    local line = string.match(head, '^{"rq":1[^\\n]*\\n')
    local at = line and tonumber(string.match(line, '"at":%s*(%d+)'))
    if at and at < oldestAt then oldest, oldestAt = line, at end
  end
  see(seen[2])
  for i = 3, #seen, 2 do see((headOf(levels .. ':' .. seen[i], seen[i + 1]))) end
  local count, longest, bytes = 0, 0, 0
  local found = redis.call('HGET', lanes, '${IN_LANES}') and redis.call('HSCAN', lanes, 0, 'COUNT', ${MOST_LANES_SEEN})[2] or {}
  for i = 1, math.min(#found, ${2 * MOST_LANES_SEEN}), 2 do
    local lane = lanes .. ':' .. found[i]
    -- A lane of another type holds no messages.
    local length = redis.pcall('LLEN', lane)
    if type(length) == 'number' and length > 0 then
      count = count + 1
      longest = math.max(longest, length)
      if bytes <= ${MOST_READ_BYTES} then
        local head, size = headOf(lane, length)
        bytes = bytes + size
        see(head)
      end
    end
  end
  return { oldest, count, longest }
end
`,
  ['levels', 'lanes'],
  [HEAD_OF],
);
