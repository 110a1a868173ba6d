#!lua flags=allow-oom
-- KEYS: waiting, processing (of the consumer whose lease has ended), consumers, fenced.
-- ARGV: that consumer, when its lease was seen to end, how long it stays fenced in ms, then pairs: an element that it
-- held, and what goes back for it.
-- Answers how many went back, or -1 when the lease ends at another time: it was renewed meanwhile.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leaseEnd = redis.call('ZSCORE', KEYS[3], ARGV[1])
if leaseEnd and tonumber(leaseEnd) ~= tonumber(ARGV[2]) then return -1 end

-- To the head, the last one first: so they keep their order.
local moved = 0
for i = #ARGV - 1, 4, -2 do
  if redis.call('LPOS', KEYS[2], ARGV[i], 'RANK', -1) then
    -- What a consumer took that was fenced before was never started: it goes back as it is.
    redis.call('LPUSH', KEYS[1], leaseEnd and ARGV[i + 1] or ARGV[i])
    redis.call('LREM', KEYS[2], -1, ARGV[i])
    moved = moved + 1
  end
end

-- Something that was not read yet keeps the consumer where it is: the next look takes it back.
if redis.call('LLEN', KEYS[2]) > 0 then return moved end
local fencedUntil = redis.call('ZSCORE', KEYS[4], ARGV[1])
if leaseEnd then
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZADD', KEYS[4], now + ARGV[3], ARGV[1])
elseif fencedUntil and tonumber(fencedUntil) < now then
  redis.call('ZREM', KEYS[4], ARGV[1])
end
return moved
