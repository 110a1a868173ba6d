#!lua
-- KEYS: the index of groups. ARGV: the prefix of keys, that of channels, the event's pattern, its element, its id, and
-- for how long in ms the id is accepted only once, or 0 for no such limit. Replies with { how many groups got a copy,
-- how many connections listened }, or { -1, -1 } if the id was there.
local index, prefix, channel_prefix, pattern, element, id, window = KEYS[1], unpack(ARGV)
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

-- Finds who wants the event, and checks the keys: one of another type makes the script fail before it has any effect.
local channels, lists, histories, groups, group_count = { pattern }, {}, {}, {}, 0
local fields = redis.call('HGETALL', index)
for i = 1, #fields, 2 do
  local group, subscribed = string.match(fields[i], '^@([%w_.-]+)/(.+)$')
  local listened = string.match(fields[i], '^listeners:(.+)$')
  local kept = string.match(fields[i], '^history:(.+)$')
  if group and is_meant_by(subscribed) then
    local waiting = prefix .. ':{' .. fields[i] .. '}:waiting'
    redis.call('LLEN', waiting)
    lists[#lists + 1] = waiting
    if not groups[group] then group_count = group_count + 1 end
    groups[group] = true
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
  if redis.call('ZSCORE', ids, id) then return { -1, -1 } end
end

local listeners = 0
for _, channel in ipairs(channels) do
  listeners = listeners + redis.call('PUBLISH', channel_prefix .. ':event:' .. channel, element)
end
for _, waiting in ipairs(lists) do redis.call('RPUSH', waiting, element) end
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
if window > 0 and listeners + #lists + #histories > 0 then
  redis.call('ZADD', ids, now + window, id)
  if redis.call('PTTL', ids) < window then redis.call('PEXPIRE', ids, window) end
end
return { group_count, listeners }
