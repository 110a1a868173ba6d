#!lua flags=allow-oom
-- KEYS: dead, counts, parked. ARGV: how many dead letters are kept. Drops the oldest ones, with their parked bodies.
local surplus = redis.call('XLEN', KEYS[1]) - ARGV[1]
if surplus <= 0 then return 0 end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', surplus)) do
  local front = string.match(string.sub(entry[2][2], 1, 192), '^{%s*"rq"%s*:%s*1%s*(,.*)') or ''
  front = string.gsub(front, '^,"crashes":%d+', '')
  front = string.gsub(front, '^,"attempt":%d+', '')
  local name = string.match(front, '^,"parked":"([%w_-]+)"[,}]')
  if name then redis.call('HDEL', KEYS[3], name) end
  redis.call('XDEL', KEYS[1], entry[1])
end
return redis.call('HINCRBY', KEYS[2], 'deadLettersDropped', surplus)
