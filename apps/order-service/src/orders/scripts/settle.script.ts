/**
 * Settles an order once. Events may come twice, and before the order is marked as accepted.
 *
 * KEYS: order. ARGV: status, reason (empty for none), time.
 * Reply: 'settled' now; 'same' if it had this status before; 'conflict' if it was settled the
 * other way, which is left alone; 'unknown' if there is no such order.
 */
export const settleScript = `
local order = KEYS[1]
local status = redis.call('HGET', order, 'status')
if not status then return 'unknown' end
if status == ARGV[1] then return 'same' end
if status == 'confirmed' or status == 'rejected' then return 'conflict' end

redis.call('HSET', order, 'status', ARGV[1], 'settledAt', ARGV[3])
if ARGV[2] == '' then
  redis.call('HDEL', order, 'reason')
else
  redis.call('HSET', order, 'reason', ARGV[2])
end
redis.call('PERSIST', order)
return 'settled'
`;
