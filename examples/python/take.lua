#!lua flags=allow-oom
-- KEYS: consumers, processing, waiting, delayed, suspects, paused, lanes, terms, levels, resting. ARGV: the consumer.
-- Replies with { 'leaseLost' }, { 'paused' }, { 'empty' } or { 'message', element, time of Redis in ms }.
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return { 'leaseLost' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- It holds one, but asks for more: the reply to an earlier call was lost, so it gets that one again.
local held = redis.call('LINDEX', KEYS[2], 0)
if held then return { 'message', held, now } end
if redis.call('EXISTS', KEYS[6]) == 1 then return { 'paused' } end

-- Suspects come first. They must run alone, as everything does here.
local suspect = redis.call('LMOVE', KEYS[5], KEYS[2], 'LEFT', 'RIGHT')
if suspect then return { 'message', suspect, now } end

-- The key of an element; nothing if it has none, or was handed out before, so that it is counted already.
local function new_key_of(element)
  local rest = string.match(string.sub(element, 1, 512), '^{"rq":1(,.*)') or ''
  rest = string.gsub(rest, '^,"parked":"[%w_-]+"', '')
  local key = string.match(rest, '^,"key":"([%w_.!~*\'()%%-]+)"[,}]')
  return key and #key <= 255 and string.find(element, '\n', 1, true) and key
end

-- Whether it has to wait behind others of its key. If not, it is counted.
local function waits(key)
  local out = tonumber(redis.call('HGET', KEYS[7], key) or 0) or 0
  local most = math.max(1, tonumber(redis.call('HGET', KEYS[8], 'perKey.running') or 1) or 1)
  if redis.call('ZSCORE', KEYS[10], key) then return true end
  if out > 0 and (out >= most or redis.call('EXISTS', KEYS[7] .. ':' .. key) == 1) then return true end
  redis.call('HSET', KEYS[7], key, out + 1)
  return false
end

for _, due in ipairs(redis.call('ZRANGE', KEYS[4], '-inf', now, 'BYSCORE', 'LIMIT', 0, 10)) do
  local key = new_key_of(due)
  local in_lane = key and waits(key)
  redis.call('RPUSH', in_lane and KEYS[7] .. ':' .. key or KEYS[2], due)
  redis.call('ZREM', KEYS[4], due)
  if not in_lane then return { 'message', due, now } end
  redis.call('HINCRBY', KEYS[7], ':waiting', 1)
end

-- Messages of other priorities than 4 stand in lists of their own, if there is this hash.
local function from_levels(highest, lowest)
  if redis.call('EXISTS', KEYS[9]) == 0 then return false end
  for level = highest, lowest, -1 do
    local element = redis.call('LMOVE', KEYS[9] .. ':' .. level, KEYS[2], 'LEFT', 'RIGHT')
    if element then return element end
    redis.call('HDEL', KEYS[9], level)
  end
  return false
end
local element = from_levels(9, 5) or redis.call('LMOVE', KEYS[3], KEYS[2], 'LEFT', 'RIGHT') or from_levels(3, 0)
if not element then return { 'empty' } end
return { 'message', element, now }
