#!lua flags=allow-oom
-- KEYS: consumers, processing, parked, waiting, lanes, resting, and the key of the command. ARGV: the consumer, the element, the
-- name of the parked body that goes with it or nothing, the message's key if it is gone for good or nothing, and, if the
-- message goes somewhere else, a command and its arguments behind the key. Replies with 'settled', 'leaseLost', 'missing'
-- (settled before), or 'exists' (ZADD NX found equal bytes; nothing was done).
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 'leaseLost' end
if not redis.call('LPOS', KEYS[2], ARGV[2]) then return 'missing' end
-- Added before it is removed, so that nothing is lost if the command fails.
if ARGV[5] and redis.call(ARGV[5], KEYS[7], unpack(ARGV, 6)) == 0 then return 'exists' end
redis.call('LREM', KEYS[2], 1, ARGV[2])
if ARGV[3] ~= '' then redis.call('HDEL', KEYS[3], ARGV[3]) end
local key = ARGV[4]
local out = key ~= '' and tonumber(redis.call('HGET', KEYS[5], key) or 0) or 0
if out > 0 then
  -- The next of the key goes on, unless the key rests. If its lane is empty, one less is out.
  local rests = redis.call('ZSCORE', KEYS[6], key)
  if not rests and redis.call('LMOVE', KEYS[5] .. ':' .. key, KEYS[4], 'LEFT', 'RIGHT') then
    if redis.call('HINCRBY', KEYS[5], ':waiting', -1) <= 0 then redis.call('HDEL', KEYS[5], ':waiting') end
  elseif redis.call('HINCRBY', KEYS[5], key, -1) <= 0 and not rests then
    redis.call('HDEL', KEYS[5], key)
  end
end
return 'settled'
