import { Script, readTexts } from '../script/script.js';

/**
 * Looks for permissions that the user lacks. Groups of rules follow the named arguments, each with three lists (each
 * behind its count): commands, keys and channels. Within a group, each command must be allowed on one of the keys or
 * channels that it is for, and each of these for one of the commands: somebody's own user may be narrower, and still
 * have enough.
 *
 * A command is written as in a rule (`memory|usage`), with a mark before it for what it takes: `-` nothing, `e` a text
 * and a number of keys, `c` channels, `k` keys, `n` a time, a number of keys, and keys. The check always names all that
 * a command takes: Redis 7.0 looks for the number of keys without counting the words, and crashes if it is missing.
 *
 * Replies with what is missing, with the same marks.
 */
export const missingPermissions = new Script({
  action: 'look at permissions',
  keys: [],
  args: [],
  rows: ['word'],
  readsOnly: true,
  lua: `
local at = FIRST
local function readList()
  local list = {}
  local count = tonumber(ARGV[at])
  for i = 1, count do list[i] = ARGV[at + i] end
  at = at + count + 1
  return list
end

local function may(command, on)
  local takes, name, within = string.sub(command, 1, 1), string.match(string.sub(command, 2), '^([^|]+)|?(.*)$')
  local words = { name }
  if within ~= '' then words[#words + 1] = within end
  if takes == 'e' then
    words[#words + 1] = 'return 0'
    words[#words + 1] = '0'
  elseif takes == 'n' then
    words[#words + 1] = '0'
    words[#words + 1] = '1'
    words[#words + 1] = on
    words[#words + 1] = 'LEFT'
  elseif takes ~= '-' then
    -- Some take two keys.
    for _ = 1, within == '' and 2 or 1 do words[#words + 1] = on end
  end
  local isKnown, isAllowed = pcall(redis.acl_check_cmd, unpack(words))
  return isKnown and isAllowed
end

local missing = {}
local function any(list, isAllowed)
  for _, one in ipairs(list) do
    if isAllowed(one) then return true end
  end
  return false
end

while at <= #ARGV do
  local commands, keys, channels = readList(), readList(), readList()
  for _, command in ipairs(commands) do
    local takes = string.sub(command, 1, 1)
    local places = takes == 'c' and channels or (takes == '-' or takes == 'e') and { '' } or keys
    if not any(places, function(on) return may(command, on) end) then missing[#missing + 1] = command end
  end
  local function reached(places, taking)
    for _, on in ipairs(places) do
      local isReached = any(commands, function(command)
        return string.find(taking, string.sub(command, 1, 1), 1, true) and may(command, on)
      end)
      if not isReached then missing[#missing + 1] = (taking == 'c' and '&' or '~') .. on end
    end
  end
  reached(keys, 'kn')
  reached(channels, 'c')
end
return missing
`,
  read: readTexts,
});
