import type { UnkeyedPart } from '../../core/broker/lease.js';
import { ENTER } from '../lua/lanes-lua.js';
import { KEYS_NEWS, READING, TELL_KEEPER } from '../lua/roles-lua.js';
import { READ_IN_STEPS } from '../lua/steps-lua.js';
import { Script, readArray, readBuffer, readNumber } from '../script/script.js';
import type { RowsOf } from '../script/script.js';

/**
 * Lets messages go on whose keys were read, and reads the next ones, for the consumer that has the role `keyReader`. It gets
 * the role if nobody has it, or if the process that has it is gone: its lease has ended, or nobody listens on its channel.
 *
 * Each row is one message from the head on: how it begins, how many bytes it has, and what takes the place of its first
 * `from` bytes, which gives it its key. The first one that is not what stands there ends it: somebody else was faster, or
 * removed it.
 *
 * What is read stays where it is. Before it is handed out, `roles` says what is read (READING). After a crash, messages are
 * read one by one until those are passed that were read at the time. So that each crash has one cause, a process does not
 * read those while it runs suspects, or may be about to: it gives the role up, and others may read.
 *
 * With `most` 0, it reads nothing and gives the role up.
 *
 * Replies: 0 if the lease is lost; 1 if another one reads, and was reminded; else { how often a process died of the first
 * one, read … }.
 */
export const readUnkeyed = new Script({
  action: 'read keys from data',
  keys: [
    'waiting',
    'levels',
    'lanes',
    'terms',
    'resting',
    'unkeyed',
    'suspects',
    'roles',
    'consumers',
  ],
  args: ['consumer', 'most', 'wake'],
  rows: ['beginning', 'length', 'front', 'from'],
  shared: [ENTER, READ_IN_STEPS, READING, TELL_KEEPER],
  lua: (row) => `
if not redis.call('ZSCORE', consumers, consumer) then return 0 end
local function processOf(name) return (string.gsub(name, '%-%d+$', '')) end
local reader = redis.call('HGET', roles, 'keyReader')
if reader ~= consumer then
  if reader then
    local isThere = redis.call('ZSCORE', consumers, reader)
      and redis.call('PUBLISH', wake .. ':' .. processOf(reader), '${KEYS_NEWS}') > 0
    if isThere then return 1 end
    readerDied(roles)
  end
  redis.call('HSET', roles, 'keyReader', consumer)
end

local _, doubted, crashes, digest = readingOf(roles)
local count = reader == consumer and (#ARGV - FIRST + 1) / ${row.size} or 0
if count > 0 then
  -- Keys of another type must refuse it before anything is moved.
  local wasEmpty = redis.call('LLEN', waiting) == 0
  for _, hash in ipairs({ levels, lanes, terms }) do redis.call('HLEN', hash) end
  local queue = { waiting = waiting, levels = levels, lanes = lanes, terms = terms, resting = resting }
  local heads = redis.call('LRANGE', unkeyed, 0, count - 1)
  local entered, isOutOfSight = 0, false
  ${row.each}
    local element = heads[entered + 1]
    if not element or #element ~= tonumber(length) or string.sub(element, 1, #beginning) ~= beginning then break end
    if front ~= '' then element = front .. string.sub(element, from + 1) end
    if enter(queue, element, true) then isOutOfSight = true end
    entered = entered + 1
  end
  redis.call('LTRIM', unkeyed, entered, -1)
  doubted = math.max(0, doubted - entered)
  if isOutOfSight and wasEmpty then redis.call('PUBLISH', wake, '') end
  if firstRest(resting) then tellKeeper(roles, wake, firstRest(resting)) end
end

doubted = math.min(doubted, redis.call('LLEN', unkeyed))
local mustWait = false
if doubted > 0 then
  local tried = redis.call('HGET', roles, 'trial')
  if tried and redis.call('ZSCORE', consumers, tried) then mustWait = processOf(tried) == processOf(consumer)
  else mustWait = redis.call('EXISTS', suspects) == 1 end
end
local reply = { 0 }
if most ~= '0' and not mustWait then
  readInSteps(doubted > 0 and 1 or tonumber(most), function(seen, some)
    return redis.call('LRANGE', unkeyed, seen, seen + some - 1)
  end, function(element)
    reply[#reply + 1] = element
    return #element
  end)
end
local many = #reply - 1
if many > 0 then
  local first = redis.sha1hex(reply[2])
  if doubted == 0 then crashes = 0 elseif first ~= digest then crashes = 1 end
  reply[1] = crashes
  noteReading(roles, many, doubted, crashes, first)
elseif most == '0' then
  noteReading(roles, 0, doubted, crashes, digest)
  redis.call('HDEL', roles, 'keyReader')
  if redis.call('EXISTS', unkeyed) == 1 then redis.call('PUBLISH', wake, '${KEYS_NEWS}') end
elseif mustWait then
  noteReading(roles, 0, doubted, crashes, digest)
  redis.call('HDEL', roles, 'keyReader')
  if reader == consumer then redis.call('PUBLISH', wake, '${KEYS_NEWS}') end
else
  noteReading(roles, 0, 0, 0, '')
end
return reply
`,
  read: (reply): UnkeyedPart | 'others' | 'leaseLost' => {
    if (reply === 0) return 'leaseLost';
    if (reply === 1) return 'others';
    const [crashes, ...elements] = readArray(reply);
    return { crashes: readNumber(crashes), elements: elements.map(readBuffer) };
  },
});

export type ReadKeyRow = RowsOf<typeof readUnkeyed>;
