#!lua
-- KEYS: waiting, levels. ARGV: the priority as it stands in the header, but not 4; the element; the channel that wakes
-- consumers. Adds the element behind others of its priority.
if redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 then
  -- Nothing waits, so a consumer may be blocked at this list.
  redis.call('RPUSH', KEYS[1], ARGV[2])
  return
end
redis.call('HSET', KEYS[2], ARGV[1], 1)
redis.call('RPUSH', KEYS[2] .. ':' .. ARGV[1], ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('PUBLISH', ARGV[3], '') end
