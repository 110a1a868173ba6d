#!lua
-- KEYS: the index of the pattern, the index of wildcards. ARGV: the prefix of keys, that of channels, the event's
-- pattern, its element, its id, for how long in ms the id is accepted only once, or 0 for no such limit, and the key
-- as it stands in the header, or nothing. Replies with { 'emitted', how many groups got a copy, how many connections
-- listened, how many full queues got none }, { 'duplicate' } if the id was there, or { 'full', the queue, how many
-- messages wait, how many may }.
local prefix, channel_prefix, pattern, element, id, window, key = unpack(ARGV)
window = tonumber(window)

local function segments(text)
  local list = {}
  for segment in string.gmatch(text .. '.', '([^.]*)%.') do list[#list + 1] = segment end
  return list
end

-- `*` stands for one segment, `#` at the end for any number of them.
local emitted = segments(pattern)
local function is_meant_by(filter)
  if filter == pattern then return true end
  if string.sub(filter, 1, 1) == '{' or string.sub(pattern, 1, 1) == '{' then return false end
  local wanted = segments(filter)
  local is_open_ended = wanted[#wanted] == '#'
  if is_open_ended then table.remove(wanted) end
  if #emitted < #wanted or (#emitted > #wanted and not is_open_ended) then return false end
  for i, segment in ipairs(wanted) do
    if segment ~= '*' and segment ~= emitted[i] then return false end
  end
  return true
end

local function bounds(text)
  local is_json, given = pcall(cjson.decode, text)
  if not is_json or type(given) ~= 'table' then return { maxLength = 1000 } end
  return given
end
local function is_bound(value) return type(value) == 'number' and value > 0 and value % 1 == 0 end

-- Counts what waits, and whether that is as much as may. Reads every key that a copy needs.
local function queue_of(name, group, subscribed)
  local place = '{' .. subscribed .. '}@' .. group
  local base = prefix .. ':' .. place .. ':'
  local queue = { name = name, waiting = base .. 'waiting', lanes = base .. 'lanes', counts = base .. 'counts' }
  queue.resting = base .. 'resting'
  queue.unkeyed, queue.wake = base .. 'unkeyed', channel_prefix .. ':' .. place .. ':wake'
  local function term(field) return redis.call('HGET', base .. 'terms', field) or '' end
  local in_lanes = tonumber(redis.call('HGET', queue.lanes, ':waiting') or 0) or 0
  queue.length = redis.call('LLEN', queue.waiting) + redis.call('LLEN', queue.unkeyed) + in_lanes
  queue.is_keyed = term('keyed') ~= ''
  for level = 0, 9 do queue.length = queue.length + redis.call('LLEN', base .. 'levels:' .. level) end
  redis.call('HLEN', queue.counts)
  if key ~= '' then redis.call('LLEN', queue.lanes .. ':' .. key) end
  queue.running = math.max(1, tonumber(term('perKey.running')) or 1)
  queue.most = tonumber(term('maxLength'))
  if queue.most then
    queue.length = queue.length + redis.call('LLEN', base .. 'suspects') + redis.call('ZCARD', base .. 'delayed')
    queue.is_full = queue.length >= queue.most
    queue.is_dropping = queue.is_full and term('onFull') == 'drop'
  end
  return queue
end

-- Adds a copy; one with a key goes behind others of the key. If the group reads keys from data, its servers do that.
local function give(queue)
  if queue.is_keyed then
    redis.call('RPUSH', queue.unkeyed, element)
    redis.call('PUBLISH', queue.wake, 'keys')
    return
  end
  local lane = queue.lanes .. ':' .. key
  local out = key ~= '' and tonumber(redis.call('HGET', queue.lanes, key) or 0) or 0
  local rests = key ~= '' and redis.call('ZSCORE', queue.resting, key)
  if rests or out > 0 and (out >= queue.running or redis.call('EXISTS', lane) == 1) then
    redis.call('RPUSH', lane, element)
    redis.call('HINCRBY', queue.lanes, ':waiting', 1)
  else
    if key ~= '' then redis.call('HSET', queue.lanes, key, out + 1) end
    redis.call('RPUSH', queue.waiting, element)
  end
end

-- Finds who wants the event, and checks the keys: one of another type makes the script fail before it has any effect.
local channels, queues, histories, groups, group_count, dropped = { pattern }, {}, {}, {}, 0, {}
local full
local fields = redis.call('HGETALL', KEYS[1])
for _, word in ipairs(redis.call('HGETALL', KEYS[2])) do fields[#fields + 1] = word end
for i = 1, #fields, 2 do
  local group, subscribed = string.match(fields[i], '^@([%w_.-]+)/(.+)$')
  local listened = string.match(fields[i], '^listeners:(.+)$')
  local kept = string.match(fields[i], '^history:(.+)$')
  if group and is_meant_by(subscribed) then
    local queue = queue_of(fields[i], group, subscribed)
    if queue.is_dropping then
      dropped[#dropped + 1] = queue
    else
      if queue.is_full then full = queue end
      queues[#queues + 1] = queue
      if not groups[group] then group_count = group_count + 1 end
      groups[group] = true
    end
  elseif listened and listened ~= pattern and is_meant_by(listened) then
    channels[#channels + 1] = listened
  elseif kept and is_meant_by(kept) then
    local stream = prefix .. ':{' .. kept .. '}:history'
    redis.call('XLEN', stream)
    redis.call('INCRBY', stream .. ':count', 0)
    histories[#histories + 1] = { stream = stream, pattern = kept, bounds = bounds(fields[i + 1]) }
  end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ids = prefix .. ':{' .. pattern .. '}:emitted'
if window > 0 then
  redis.call('ZREMRANGEBYSCORE', ids, '-inf', now)
  if redis.call('ZSCORE', ids, id) then return { 'duplicate' } end
end
if full then return { 'full', full.name, full.length, full.most } end

local listeners = 0
for _, channel in ipairs(channels) do
  listeners = listeners + redis.call('PUBLISH', channel_prefix .. ':event:' .. channel, element)
end
for _, queue in ipairs(queues) do give(queue) end
for _, queue in ipairs(dropped) do redis.call('HINCRBY', queue.counts, 'copiesDropped', 1) end
for _, history in ipairs(histories) do
  local number = redis.call('INCR', history.stream .. ':count')
  local entry = redis.call('XADD', history.stream, '*', 'n', number, 'element', element)
  local most, age = history.bounds.maxLength, history.bounds.maxAgeMs
  if is_bound(most) then redis.call('XTRIM', history.stream, 'MAXLEN', '=', most) end
  if is_bound(age) then redis.call('XTRIM', history.stream, 'MINID', '=', math.max(0, now - age)) end
  local told = number .. ' ' .. entry .. '\n' .. element
  listeners = listeners + redis.call('PUBLISH', channel_prefix .. ':history:' .. history.pattern, told)
end

-- An event that nobody got may be emitted again.
if window > 0 and listeners + #queues + #histories > 0 then
  redis.call('ZADD', ids, now + window, id)
  if redis.call('PTTL', ids) < window then redis.call('PEXPIRE', ids, window) end
end
return { 'emitted', group_count, listeners, #dropped }
