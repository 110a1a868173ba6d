#!lua
-- KEYS: waiting, lanes, terms, resting. ARGV: the key as it stands in the header, the element. Adds the element, behind others of
-- its key.
local lane = KEYS[2] .. ':' .. ARGV[1]
local out = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0) or 0
local most = math.max(1, tonumber(redis.call('HGET', KEYS[3], 'perKey.running') or 1) or 1)
local rests = redis.call('ZSCORE', KEYS[4], ARGV[1])
if rests or out > 0 and (out >= most or redis.call('EXISTS', lane) == 1) then
  redis.call('RPUSH', lane, ARGV[2])
  redis.call('HINCRBY', KEYS[2], ':waiting', 1)
else
  redis.call('HSET', KEYS[2], ARGV[1], out + 1)
  redis.call('RPUSH', KEYS[1], ARGV[2])
end
