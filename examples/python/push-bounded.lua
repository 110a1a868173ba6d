#!lua
-- KEYS: terms, waiting, suspects, delayed, lanes, levels, and the key of the command. ARGV: the command that adds the message,
-- with its arguments behind the key. Replies with { 1 }, or { 0, how many messages wait, how many may } if the queue is
-- full.
local most = tonumber(redis.call('HGET', KEYS[1], 'maxLength') or '')
local in_lanes = redis.call('HGET', KEYS[5], ':waiting') or 0
local length = redis.call('LLEN', KEYS[2]) + redis.call('LLEN', KEYS[3]) + redis.call('ZCARD', KEYS[4]) + in_lanes
for level = 0, 9 do length = length + redis.call('LLEN', KEYS[6] .. ':' .. level) end
if most and length >= most then return { 0, length, most } end
redis.call(ARGV[1], KEYS[7], unpack(ARGV, 2))
return { 1 }
