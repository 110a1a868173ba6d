/**
 * Takes the stock for one order: all of its lines or none, once for each order id.
 *
 * A message is delivered at least once. Because the outcome is stored in the same step that takes
 * the units, a second delivery finds it, takes nothing, and gets the same answer.
 *
 * KEYS: units, outcomes. ARGV: order id, lines as JSON.
 * Reply: the outcome as JSON, `{"status":"reserved","lines":[…]}` or
 * `{"status":"rejected","reason":"…"}`. An item that is not in the books is different:
 * `{"status":"unknown","skus":[…]}`, and nothing is stored.
 */
export const reserveScript = `
local units, outcomes = KEYS[1], KEYS[2]
local orderId, lines = ARGV[1], cjson.decode(ARGV[2])

local earlier = redis.call('HGET', outcomes, orderId)
if earlier then return earlier end

-- Two lines may name the same item: their sum counts.
local wanted, skus = {}, {}
for _, line in ipairs(lines) do
  if not wanted[line.sku] then
    wanted[line.sku] = 0
    table.insert(skus, line.sku)
  end
  wanted[line.sku] = wanted[line.sku] + line.quantity
end

local shortages, unknown = {}, {}
for _, sku in ipairs(skus) do
  local left = tonumber(redis.call('HGET', units, sku))
  if not left then
    table.insert(unknown, sku)
  elseif left < wanted[sku] then
    table.insert(shortages, string.format('%d of %s left, %d wanted', left, sku, wanted[sku]))
  end
end

if #unknown > 0 then return cjson.encode({ status = 'unknown', skus = unknown }) end

local outcome
if #shortages > 0 then
  outcome = cjson.encode({ status = 'rejected', reason = table.concat(shortages, '; ') })
else
  for _, sku in ipairs(skus) do
    redis.call('HINCRBY', units, sku, -wanted[sku])
  end
  outcome = cjson.encode({ status = 'reserved', lines = lines })
end
redis.call('HSET', outcomes, orderId, outcome)
return outcome
`;
