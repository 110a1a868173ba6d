#!lua flags=allow-oom
-- KEYS: waiting, suspects, processing (of the consumer whose lease has ended), consumers, fenced, roles.
-- ARGV: that consumer, when its lease was seen to end, how long it stays fenced in ms, the channel that wakes
-- consumers, then triples: an element that it held, its replacement, and the end of the suspects that it goes to, LEFT
-- or RIGHT. Replies with how many went back, or -1 if the lease ends at another time: it was renewed meanwhile.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leaseEnd = redis.call('ZSCORE', KEYS[4], ARGV[1])
if leaseEnd and tonumber(leaseEnd) ~= tonumber(ARGV[2]) then return -1 end

-- To the head, the last one first, so that they keep their order.
local moved = 0
for i = #ARGV - 2, 5, -3 do
  local element, suspect, at = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('LPOS', KEYS[3], element, 'RANK', -1) then
    if leaseEnd then
      redis.call(at == 'RIGHT' and 'RPUSH' or 'LPUSH', KEYS[2], suspect)
    else
      -- The consumer was fenced before, so this was never started: it goes back as it is.
      local was_suspect = string.sub(element, 1, 18) == '{"rq":1,"crashes":'
      redis.call('LPUSH', was_suspect and KEYS[2] or KEYS[1], element)
    end
    redis.call('LREM', KEYS[3], -1, element)
    moved = moved + 1
  end
end

-- If something was not read yet, the consumer stays where it is: the next look takes the rest back.
if redis.call('LLEN', KEYS[3]) > 0 then return moved end
local fencedUntil = redis.call('ZSCORE', KEYS[5], ARGV[1])
if leaseEnd then
  redis.call('ZREM', KEYS[4], ARGV[1])
  redis.call('ZADD', KEYS[5], now + ARGV[3], ARGV[1])
elseif fencedUntil and tonumber(fencedUntil) < now then
  redis.call('ZREM', KEYS[5], ARGV[1])
end
-- Its roles for all consumers of the queue are free again.
local was_in_charge = false
for _, role in ipairs({ 'trial', 'timekeeper' }) do
  if redis.call('HGET', KEYS[6], role) == ARGV[1] then
    redis.call('HDEL', KEYS[6], role)
    was_in_charge = true
  end
end
if moved > 0 or was_in_charge then redis.call('PUBLISH', ARGV[4], '') end
return moved
