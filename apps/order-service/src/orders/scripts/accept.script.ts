/**
 * Marks an order as accepted. An event may have settled it already: then it stays settled.
 *
 * KEYS: order, placing. ARGV: order id. Reply: the status that the order has now, or nil if there is no such order.
 */
export const acceptScript = `
local order, placing = KEYS[1], KEYS[2]
redis.call('ZREM', placing, ARGV[1])
local status = redis.call('HGET', order, 'status')
if status == 'placing' then
  redis.call('HSET', order, 'status', 'accepted')
  return 'accepted'
end
return status
`;
