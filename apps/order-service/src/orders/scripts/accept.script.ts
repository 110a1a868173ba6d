/**
 * Marks an order as accepted, and keeps it for good. An event may have settled it already: then
 * it stays settled.
 *
 * KEYS: order. Reply: the status that the order has now, or nil if there is no such order.
 */
export const acceptScript = `
local order = KEYS[1]
local status = redis.call('HGET', order, 'status')
if status == 'placing' then
  redis.call('HSET', order, 'status', 'accepted')
  redis.call('PERSIST', order)
  return 'accepted'
end
return status
`;
