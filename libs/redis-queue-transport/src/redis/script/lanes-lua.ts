import {
  KEY_WINDOW,
  MOST_DIGITS,
  MOST_KEY_BYTES,
  MOST_NAME_BYTES,
  PER_KEY_RUNNING,
} from '../../core/message/key.js';
import { SharedLua } from './shared-lua.js';

/** The field as a Lua pattern. */
const KEY = String.raw`"key":"([%w_.!~*\'()%%-]+)"[,}]`;

/**
 * Finds the key of an element, as the Lua function `keyOf(element)`, by the rule of core/message/key.ts. Returns it as it is
 * written, and whether the element was handed out before; nothing for most elements, which have no key.
 */
export const KEY_OF = new SharedLua(`
local function keyOf(element)
  -- This byte alone tells most elements.
  local tenth = string.byte(element, 10)
  if tenth == 105 then return end
  -- The usual case: one that was never handed out.
  if tenth == 107 then
    local key = string.match(element, '^{"rq":1,${KEY}')
    if key and #key <= ${MOST_KEY_BYTES} and string.find(element, '\\n', 1, true) then return key, false end
    return
  end
  if string.sub(element, 1, 7) ~= '{"rq":1' then return end
  local front = string.sub(element, 1, ${KEY_WINDOW})
  local at = 8
  -- Skips a field, if it is there and has no more bytes than it may.
  local function skip(field, most)
    local value, behind = string.match(front, field, at)
    if not value or #value > most then return false end
    at = behind
    return true
  end
  local wasOut = skip('^,"crashes":(%d+)()', ${MOST_DIGITS})
  wasOut = skip('^,"attempt":(%d+)()', ${MOST_DIGITS}) or wasOut
  skip('^,"parked":"([%w_-]+)"()', ${MOST_NAME_BYTES})
  skip('^,"postponed":(%d+)()', ${MOST_DIGITS})
  local key = string.match(front, '^,${KEY}', at)
  if not key or #key > ${MOST_KEY_BYTES} then return end
  if string.find(element, '\\n', 1, true) then return key, wasOut end
end
`);

/** Name of a field of the hash `lanes` that no key has: how many messages are in lanes. */
export const IN_LANES = ':waiting';

/**
 * The lanes of a queue, a list for each key, in front of `waiting`. The hash `lanes` counts how many messages of each key
 * are out: in `waiting`, held, a suspect, or delayed for a retry. As many may be out as the terms say, by default one; the
 * others are in the lane of their key. The names of lanes are made here, from keys that others wrote: those have no braces.
 *
 * - `goesOut(lanes, terms, key)`: counts one more and returns true, unless it must go into its lane.
 * - `toLane(lanes, key, element)`: adds an element at the lane's end. If the lane is a key of another type, it changes
 *   nothing, and returns Redis's refusal.
 */
export const LANES = new SharedLua(
  `
local function mostOut(terms)
  local most = tonumber(redis.call('HGET', terms, '${PER_KEY_RUNNING}') or 1)
  return most and most >= 1 and most or 1
end
local function goesOut(lanes, terms, key)
  if redis.call('HSETNX', lanes, key, 1) == 1 then return true end
  local out = tonumber(redis.call('HGET', lanes, key)) or 0
  if out > 0 and (out >= mostOut(terms) or redis.call('EXISTS', lanes .. ':' .. key) == 1) then return false end
  redis.call('HSET', lanes, key, out + 1)
  return true
end
local function countInLanes(lanes, more)
  local count = redis.pcall('HINCRBY', lanes, '${IN_LANES}', more)
  if type(count) == 'number' then return count end
  -- Somebody else has written what is no number.
  redis.call('HSET', lanes, '${IN_LANES}', math.max(0, more))
  return more
end
local function toLane(lanes, key, element)
  local lane = lanes .. ':' .. key
  local answer = redis.pcall('RPUSH', lane, element)
  if type(answer) == 'table' then return answer.err .. ': "' .. lane .. '"' end
  countInLanes(lanes, 1)
end
`,
  [],
  [KEY_OF],
);

/**
 * Adds an element that was not out before to the end of the queue or of its lane. A lane of another type holds no messages:
 *
 * - `enterOrRefuse(waiting, lanes, terms, element)` then changes nothing, and returns Redis's refusal, for a sender;
 * - `enter(waiting, lanes, terms, element)` then adds to the queue what Redis holds already.
 */
export const ENTER = new SharedLua(
  `
local function enterOrRefuse(waiting, lanes, terms, element)
  local key = keyOf(element)
  if not key or goesOut(lanes, terms, key) then
    redis.call('RPUSH', waiting, element)
  else
    return toLane(lanes, key, element)
  end
end
local function enter(waiting, lanes, terms, element)
  if enterOrRefuse(waiting, lanes, terms, element) then redis.call('RPUSH', waiting, element) end
end
`,
  [],
  [LANES],
);

/**
 * Lets the next of a key go on when an element is gone for good: from its lane to the end of the queue or, if the lane is
 * empty, one less is out. In two functions, since a key of another type must refuse it before anything is changed:
 * `outOf(key)` reads how many are out, and `endStay(key, out)` does the rest. A key of which nothing is counted frees nobody:
 * somebody put the element into a list by hand.
 */
export const END_STAY = new SharedLua(
  `
local function outOf(key)
  local out = key and tonumber(redis.call('HGET', lanes, key) or 0)
  return out and out > 0 and out
end
local function fewerInLanes(many)
  if countInLanes(lanes, -many) <= 0 then redis.call('HDEL', lanes, '${IN_LANES}') end
end
local function endStay(key, out)
  local lane = lanes .. ':' .. key
  local left, most = out - 1, nil
  -- If none is left, one may always go on.
  while left == 0 or left < (most or mostOut(terms)) do
    -- A lane of another type holds no messages.
    if type(redis.pcall('LMOVE', lane, waiting, 'LEFT', 'RIGHT')) ~= 'string' then break end
    fewerInLanes(1)
    left = left + 1
    most = most or mostOut(terms)
  end
  if left == 0 then redis.call('HDEL', lanes, key) elseif left ~= out then redis.call('HSET', lanes, key, left) end
end
`,
  ['waiting', 'lanes', 'terms'],
  [LANES],
);
