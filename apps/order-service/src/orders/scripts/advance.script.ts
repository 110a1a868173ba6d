/**
 * Moves an order one step on, unless it is already further: events may come twice, and late.
 *
 * KEYS: order, placing. ARGV: order id, new status, then each status that comes before it. Reply: the status that the
 * order has now, or nil if there is no such order.
 */
export const advanceScript = `
local order, placing = KEYS[1], KEYS[2]
local id, wanted = ARGV[1], ARGV[2]
redis.call('ZREM', placing, id)
local status = redis.call('HGET', order, 'status')
for n = 3, #ARGV do
  if status == ARGV[n] then
    redis.call('HSET', order, 'status', wanted)
    return wanted
  end
end
return status
`;
