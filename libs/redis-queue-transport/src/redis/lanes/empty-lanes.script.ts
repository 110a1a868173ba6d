import { Script, readArray, readNumber } from '../script/script.js';
import { READ_IN_STEPS } from '../lua/steps-lua.js';
import { UNPARK } from '../lua/parking-lua.js';
import { END_STAY } from '../lua/lanes-lua.js';

/** Most messages that one call removes. */
const MOST_EMPTIED = 1_000;

/**
 * Removes the messages in lanes with their parked bodies, or a part of them. What is out of their keys stays out. Replies
 * with { how many it removed, 1 if these lanes hold more }.
 */
export const emptyLanes = new Script({
  action: 'purge a queue',
  keys: ['waiting', 'levels', 'parked', 'lanes', 'terms', 'resting'],
  args: [],
  rows: ['key'],
  shared: [UNPARK, END_STAY, READ_IN_STEPS],
  lua: (row) => `
local removed = 0
${row.each}
  local lane = lanes .. ':' .. key
  local seen, isEnd = readInSteps(${MOST_EMPTIED} - removed, function(from, count)
    local some = redis.pcall('LRANGE', lane, from, from + count - 1)
    -- A lane of another type holds no messages.
    return some.err and {} or some
  end, function(element)
    unpark(element)
    return #element
  end)
  if seen > 0 then
    redis.call('LTRIM', lane, seen, -1)
    countOutOfLanes(lanes, seen)
    removed = removed + seen
  end
  if not isEnd and redis.call('EXISTS', lane) == 1 then return { removed, 1 } end
end
return { removed, 0 }
`,
  read: (reply): { removed: number; isMore: boolean } => {
    const [removed, isMore] = readArray(reply);
    return { removed: readNumber(removed), isMore: isMore === 1 };
  },
});
