/**
 * Keeps large bodies beside the lists, as Lua functions for scripts that have the key `parked`: a hash of bodies by a
 * number, which stands in the header right behind the counts (`"parked":"7"`), and nowhere else, so that no other
 * program's field is mistaken for it.
 *
 * `park(element, counts)` answers the element without its body; the element must have a header of this library.
 * `unpark(element)` is called for an element that is gone for good, and drops its body.
 */
export const PARKING = `
local function park(element, counts)
  local number = redis.call('HINCRBY', counts, 'parkedEver', 1)
  local headerEnd = string.find(element, '\\n', 1, true)
  redis.call('HSET', parked, number, string.sub(element, headerEnd + 1))
  return '{"rq":1,"parked":"' .. number .. '",' .. string.sub(element, 9, headerEnd)
end

local function unpark(element)
  local front = string.match(string.sub(element, 1, 100), '^{"rq":1,(.*)')
  if not front then return end
  front = string.gsub(front, '^"crashes":%d+,', '')
  front = string.gsub(front, '^"attempt":%d+,', '')
  local number = string.match(front, '^"parked":"(%d+)"')
  if number then redis.call('HDEL', parked, number) end
end
`;

/** Drops the bodies of dead letters that an XTRIM is about to drop: those before `below`, or the oldest `count`. */
export const UNPARK_DEAD = `
local function unparkDead(dead, below, count)
  if count <= 0 or redis.call('EXISTS', parked) == 0 then return end
  for _, entry in ipairs(redis.call('XRANGE', dead, '-', below, 'COUNT', count)) do
    unpark(entry[2][2])
  end
end
`;
