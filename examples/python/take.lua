#!lua flags=allow-oom
-- KEYS: consumers, processing, waiting, delayed, suspects, paused. ARGV: the consumer.
-- Replies with { 'leaseLost' }, { 'paused' }, { 'empty' } or { 'message', element, time of Redis in ms }.
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return { 'leaseLost' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- It holds one, but asks for more: the reply to an earlier call was lost, so it gets that one again.
local held = redis.call('LINDEX', KEYS[2], 0)
if held then return { 'message', held, now } end
if redis.call('EXISTS', KEYS[6]) == 1 then return { 'paused' } end

-- Suspects come first. They must run alone, as everything does here.
local suspect = redis.call('LMOVE', KEYS[5], KEYS[2], 'LEFT', 'RIGHT')
if suspect then return { 'message', suspect, now } end

local due = redis.call('ZRANGE', KEYS[4], '-inf', now, 'BYSCORE', 'LIMIT', 0, 1)[1]
if due then
  redis.call('RPUSH', KEYS[2], due)
  redis.call('ZREM', KEYS[4], due)
  return { 'message', due, now }
end
local element = redis.call('LMOVE', KEYS[3], KEYS[2], 'LEFT', 'RIGHT')
if not element then return { 'empty' } end
return { 'message', element, now }
