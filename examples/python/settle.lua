#!lua flags=allow-oom
-- KEYS: consumers, processing, parked, and the key of the command. ARGV: the consumer, the element, the name of the
-- parked body that goes with it or nothing, and, if the message goes somewhere else, a command and its arguments behind
-- the key. Replies with 'settled', 'leaseLost', 'missing' (settled before), or 'exists' (ZADD NX found equal bytes;
-- nothing was done).
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 'leaseLost' end
if not redis.call('LPOS', KEYS[2], ARGV[2]) then return 'missing' end
-- Added before it is removed, so that nothing is lost if the command fails.
if ARGV[4] and redis.call(ARGV[4], KEYS[4], unpack(ARGV, 5)) == 0 then return 'exists' end
redis.call('LREM', KEYS[2], 1, ARGV[2])
if ARGV[3] ~= '' then redis.call('HDEL', KEYS[3], ARGV[3]) end
return 'settled'
