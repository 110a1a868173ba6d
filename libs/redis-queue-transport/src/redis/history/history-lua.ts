import { APPEND } from '../script/moving-lua.js';
import { SharedLua } from '../script/shared-lua.js';

/** Bounds of one call that reads a history, so that none keeps Redis busy for long or fills a process. */
const MOST_ENTRIES = 1_000;
const MOST_BYTES = 1_048_576;

/**
 * Reads a part of the stream `history`, as the Lua function `readPart(first, last)`. Returns its entries, and where the
 * next part begins, or false. Few entries at first, since their size is unknown.
 */
export const READ_PART = new SharedLua(
  `
local function readPart(first, last)
  local entries, bytes, step, rest = {}, 0, 1, first
  repeat
    local some = redis.call('XRANGE', history, rest, last, 'COUNT', step)
    for _, entry in ipairs(some) do
      entries[#entries + 1] = entry
      for _, field in ipairs(entry[2]) do bytes = bytes + #field end
    end
    rest = #some == step and '(' .. some[#some][1]
    step = math.min(2 * step, ${MOST_ENTRIES} - #entries)
  until not rest or step == 0 or bytes >= ${MOST_BYTES}
  return entries, rest
end
`,
  ['history'],
);

/**
 * Adds a part of the stream `history` to the list `waiting`, as the Lua function `moveEvents(first, last)`. Returns how
 * many, and where the next part begins, or false.
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
  for _, entry in ipairs(entries) do
    local element = elementOf(entry[2])
    if element then
      append(waiting, element)
      moved = moved + 1
    end
  end
  return moved, rest
end
`,
  ['waiting'],
  [READ_PART, APPEND],
);
