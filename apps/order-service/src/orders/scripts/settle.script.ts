/**
 * Settles an order once. Events may come twice, and before the order is marked as accepted.
 *
 * KEYS: order, placing. ARGV: order id, status, reason (empty for none), time.
 * Reply: 'settled' now; 'same' if it had this status before; 'conflict' if it was settled in
 * another way, which is left alone; 'unknown' if there is no such order.
 */
export const settleScript = `
local order, placing = KEYS[1], KEYS[2]
local id, wanted, reason, time = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local status = redis.call('HGET', order, 'status')
if not status then return 'unknown' end
if status == wanted then return 'same' end
if redis.call('HEXISTS', order, 'settledAt') == 1 then return 'conflict' end

redis.call('HSET', order, 'status', wanted, 'settledAt', time)
if reason ~= '' then redis.call('HSET', order, 'reason', reason) end
redis.call('ZREM', placing, id)
return 'settled'
`;
