import { MOST_COUNTED } from '../../core/admin/admin-broker.js';
import { MOST_KEY_BYTES } from '../../core/message/key.js';
import { HIGHEST_PRIORITY, USUAL_PRIORITY } from '../../core/message/priority.js';
import { KEY_CHARACTERS } from '../lua/front-lua.js';
import { IN_LANES, KEY_OF } from '../lua/lanes-lua.js';
import { SharedLua } from '../script/shared-lua.js';

/** Most bytes of what is read. Elements that others put there may be of any size. */
const MOST_BYTES = 2_097_152;
/** How many elements are read at once. */
const STEP = 64;

/** What {@link AUDIT_LANES} reads. */
export const AUDITED = [
  'waiting',
  'levels',
  'suspects',
  'delayed',
  'consumers',
  'fenced',
  'processing',
  'lanes',
  'resting',
] as const;

/**
 * Counts what is out of each key anew, as the Lua function `auditLanes(named)`, which also looks at the lanes of the
 * named keys. Returns nothing if the queue is too long; else the keys of which the hash `lanes` says something else,
 * each as { key, what it says or '', how many are out, how many are in its lane }; how many the hash says are in lanes,
 * or ''; and how many are. It changes nothing.
 *
 * A key has a count if some of it are out. A key that rests has one even if it is 0, and only such a key. Fields that cannot
 * be keys are left alone: they block nobody. `processing` is the beginning of the names of the lists of consumers.
 */
export const AUDIT_LANES = new SharedLua(
  `
local function auditLanes(named)
  if #named > ${MOST_COUNTED} then return end
  local many, bytes, lists, known = 0, 0, {}, {}
  local function weigh(size) bytes = bytes + (size or 0) end
  local function addList(list, length)
    many = many + length
    lists[#lists + 1] = list
  end
  local rests = redis.pcall('ZCARD', resting)
  -- Keys of another type hold no rests and no messages.
  if type(rests) ~= 'number' then rests = 0 end
  many = many + redis.call('ZCARD', consumers) + redis.call('ZCARD', fenced)
  many = many + redis.call('ZCARD', delayed) + redis.call('HLEN', lanes) + rests
  addList(waiting, redis.call('LLEN', waiting))
  addList(suspects, redis.call('LLEN', suspects))
  if many > ${MOST_COUNTED} then return end
  weigh(redis.call('MEMORY', 'USAGE', delayed, 'SAMPLES', 0))
  weigh(redis.call('MEMORY', 'USAGE', waiting, 'SAMPLES', 0))
  weigh(redis.call('MEMORY', 'USAGE', suspects, 'SAMPLES', 0))
  for level = 0, ${HIGHEST_PRIORITY} do
    local list = levels .. ':' .. level
    local length = level ~= ${USUAL_PRIORITY} and redis.pcall('LLEN', list)
    if type(length) == 'number' then addList(list, length) end
  end
  -- The names of these lists begin with that of the key, and permissions for them are the same.
  for _, names in ipairs({ consumers, fenced }) do
    for _, one in ipairs(redis.call('ZRANGE', names, 0, -1)) do
      local processing = processing .. one
      local length = not known[one] and redis.call('LLEN', processing) or 0
      known[one] = true
      if length > 0 then
        addList(processing, length)
        weigh(redis.call('MEMORY', 'USAGE', processing, 'SAMPLES', 0))
      end
    end
  end
  if many > ${MOST_COUNTED} or bytes > ${MOST_BYTES} then return end

  local keys, out, says, isResting = {}, {}, {}, {}
  local function add(key)
    if out[key] then return end
    out[key] = 0
    keys[#keys + 1] = key
  end
  local function isKey(key) return #key <= ${MOST_KEY_BYTES} and string.find(key, '^${KEY_CHARACTERS}+$') end
  local function count(elements, isDelayed)
    for _, element in ipairs(elements) do
      local key, wasOut = keyOf(element)
      if key and (wasOut or not isDelayed) then
        add(key)
        out[key] = out[key] + 1
      end
      bytes = bytes + #element
    end
    return #elements == ${STEP} and bytes <= ${2 * MOST_BYTES}
  end
  for _, list in ipairs(lists) do
    local from = 0
    while count(redis.call('LRANGE', list, from, from + ${STEP - 1}), false) do from = from + ${STEP} end
  end
  local from = 0
  while count(redis.call('ZRANGE', delayed, from, from + ${STEP - 1}), true) do from = from + ${STEP} end
  -- Those of levels were not weighed: they have passed through scripts, so none is very large.
  if bytes > ${2 * MOST_BYTES} then return end
  local fields = redis.call('HGETALL', lanes)
  for i = 1, #fields, 2 do
    local key = fields[i]
    if out[key] or isKey(key) then
      add(key)
      says[key] = fields[i + 1]
    end
  end
  for _, key in ipairs(named) do
    if out[key] or isKey(key) then add(key) end
  end
  for _, key in ipairs(rests > 0 and redis.call('ZRANGE', resting, 0, -1) or {}) do
    if isKey(key) then
      add(key)
      isResting[key] = true
    end
  end

  local wrong, inLanes = {}, 0
  for _, key in ipairs(keys) do
    -- A lane of another type holds no messages.
    local length = redis.pcall('LLEN', lanes .. ':' .. key)
    if type(length) ~= 'number' then length = 0 end
    inLanes = inLanes + length
    local right = (out[key] > 0 or isResting[key]) and tostring(out[key]) or nil
    if says[key] ~= right or (not right and length > 0) then
      wrong[#wrong + 1] = { key, says[key] or '', out[key], length }
    end
  end
  return wrong, redis.call('HGET', lanes, '${IN_LANES}') or '', inLanes
end
`,
  AUDITED,
  [KEY_OF],
);
