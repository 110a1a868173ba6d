#!lua
-- KEYS: ids, and the key of the command. ARGV: the message's id, for how long in ms it is accepted only once, and the
-- command that adds the message, with its arguments behind the key. Replies with 1 if it was added, 0 if the id was
-- there.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
-- Only once it is held: if the command failed before, the next try must not be taken for a duplicate.
redis.call(ARGV[3], KEYS[2], unpack(ARGV, 4))
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
