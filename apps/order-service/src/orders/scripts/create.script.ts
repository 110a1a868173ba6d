/**
 * Stores an order once.
 *
 * KEYS: order, index, placing. ARGV: order id, time in ms, then the fields of the order and their values, alternating.
 * Reply: 1, or 0 if there is an order with this id already, which is left alone.
 */
export const createScript = `
local order, index, placing = KEYS[1], KEYS[2], KEYS[3]
local id, time = ARGV[1], ARGV[2]
if redis.call('EXISTS', order) == 1 then return 0 end

redis.call('HSET', order, unpack(ARGV, 3))
redis.call('ZADD', index, time, id)
redis.call('ZADD', placing, time, id)
return 1
`;
