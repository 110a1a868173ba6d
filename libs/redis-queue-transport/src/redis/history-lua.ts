/** Entries of a history that one call moves at the most. */
export const MOST_MOVED = 1_000;

/**
 * Adds a part of the stream `history` to the list `waiting`, as the Lua function `moveEvents(first, last)`; answers
 * how many, and where the next part begins, false for nowhere.
 */
export const MOVE_EVENTS = `
local function elementOf(fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'element' then return fields[i + 1] end
  end
end
local function moveEvents(first, last)
  local entries = redis.call('XRANGE', history, first, last, 'COUNT', ${MOST_MOVED})
  local moved = 0
  for _, entry in ipairs(entries) do
    local element = elementOf(entry[2])
    if element then
      redis.call('RPUSH', waiting, element)
      moved = moved + 1
    end
  end
  return moved, #entries == ${MOST_MOVED} and '(' .. entries[#entries][1]
end
`;
