#!lua flags=allow-oom
-- KEYS: the index of a pattern or of wildcards, the changes of wildcards. ARGV: a field of it: a group's queue, or
-- listeners:PATTERN; and 1 for wildcards. Replies with 1 if it was not there, else 0.
if redis.call('HSETNX', KEYS[1], ARGV[1], '1') == 0 then return 0 end
-- A version that the index never had, so that everybody who has read the index sees that it has changed.
local version
if ARGV[2] == '1' then
  version = redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'field', ARGV[1])
else
  local time = redis.call('TIME')
  local last = tonumber(redis.call('HGET', KEYS[1], 'version') or 0) or 0
  version = string.format('%.0f', math.max(time[1] * 1000000 + time[2], last + 1))
end
redis.call('HSET', KEYS[1], 'version', version)
return 1
