import { ENTER } from '../lua/lanes-lua.js';
import { KEYS_NEWS } from '../lua/roles-lua.js';
import { SharedLua } from '../script/shared-lua.js';
import { READ_IN_STEPS } from '../lua/steps-lua.js';

/** Most entries read with one call, so that its reply does not fill the memory of a process. */
const MOST_ENTRIES = 1_000;

/**
 * Reads a part of the stream `history`, as the Lua function `readPart(first, last)`. Returns its entries, and where the
 * next part begins, or false.
 */
export const READ_PART = new SharedLua(
  `
local function readPart(first, last)
  local entries, rest = {}, first
  local _, isEnd = readInSteps(${MOST_ENTRIES}, function(_, count)
    return redis.call('XRANGE', history, rest, last, 'COUNT', count)
  end, function(entry)
    entries[#entries + 1] = entry
    rest = '(' .. entry[1]
    local size = 0
    for _, field in ipairs(entry[2]) do size = size + #field end
    return size
  end)
  return entries, not isEnd and rest
end
`,
  ['history'],
  [READ_IN_STEPS],
);

/**
 * Adds a part of the stream `history` to a queue, as the Lua function `moveEvents(first, last)`. Returns how many, and
 * where the next part begins, or false.
 */
export const MOVE_EVENTS = new SharedLua(
  `
local function elementOf(fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'element' then return fields[i + 1] end
  end
end
local function moveEvents(first, last)
  local entries, rest = readPart(first, last)
  local moved = 0
  local wasEmpty, isOutOfSight = redis.call('EXISTS', waiting) == 0, false
  local queue = {
    waiting = waiting, levels = levels, lanes = lanes, terms = terms, resting = resting, unkeyed = unkeyed,
  }
  for _, entry in ipairs(entries) do
    local element = elementOf(entry[2])
    if element then
      if enter(queue, element) and wasEmpty then isOutOfSight = true end
      moved = moved + 1
    end
  end
  if isOutOfSight then redis.call('PUBLISH', wake, '') end
  if queue.mustTellReader then redis.call('PUBLISH', wake, '${KEYS_NEWS}') end
  return moved, rest
end
`,
  ['waiting', 'levels', 'lanes', 'terms', 'resting', 'unkeyed', 'wake'],
  [READ_PART, ENTER],
);
