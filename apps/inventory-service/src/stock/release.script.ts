/**
 * Gives back the stock that an order took, once. An order that took nothing stays as it is.
 *
 * KEYS: units, outcomes. ARGV: order id. Reply: 1, or 0 if there is no outcome for the order.
 */
export const releaseScript = `
local units, outcomes, orderId = KEYS[1], KEYS[2], ARGV[1]
local stored = redis.call('HGET', outcomes, orderId)
if not stored then return 0 end

local outcome = cjson.decode(stored)
if outcome.status == 'reserved' then
  for _, line in ipairs(outcome.lines) do
    redis.call('HINCRBY', units, line.sku, line.quantity)
  end
  outcome.status = 'released'
  redis.call('HSET', outcomes, orderId, cjson.encode(outcome))
end
return 1
`;
