/**
 * Marks an order as failed, unless an event has settled it: whether a message reached Redis is
 * not always known to its sender.
 *
 * KEYS: order. ARGV: reason. Reply: the status that the order has now, or nil if there is none.
 */
export const failScript = `
local order = KEYS[1]
local status = redis.call('HGET', order, 'status')
if status == 'placing' then
  redis.call('HSET', order, 'status', 'failed', 'reason', ARGV[1])
  redis.call('PERSIST', order)
  return 'failed'
end
return status
`;
