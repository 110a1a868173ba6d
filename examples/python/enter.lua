#!lua flags=allow-oom
-- KEYS: the index of groups, queues. ARGV: a field of the index: a group's queue, or listeners:PATTERN.
-- Replies with 1 if it was not there, else 0.
if redis.call('HSETNX', KEYS[1], ARGV[1], '1') == 0 then return 0 end
if string.sub(ARGV[1], 1, 1) == '@' then redis.call('HSETNX', KEYS[2], ARGV[1], 'pushed') end
-- A version that the index never had, so that everybody who has read the index reads it again.
local time = redis.call('TIME')
local last = tonumber(redis.call('HGET', KEYS[1], 'version') or 0) or 0
redis.call('HSET', KEYS[1], 'version', string.format('%.0f', math.max(time[1] * 1000000 + time[2], last + 1)))
return 1
