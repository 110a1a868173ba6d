import { ENTER } from '../lua/lanes-lua.js';
import { TELL_KEEPER } from '../lua/roles-lua.js';
import { READ_IN_STEPS } from '../lua/steps-lua.js';
import { KEYED } from '../lua/unkeyed-lua.js';
import { Script } from '../script/script.js';

/** Most messages that one call moves. */
const MOST_PASSED = 500;

/**
 * Lets messages go on without the keys that they wait for, or a part of them, if no consumer has a lease that tells keys from
 * data. Once none is left, messages no longer wait for keys.
 *
 * Replies: 0 if the lease is lost; 1 if more are left; 2 if not, or if somebody else reads them.
 */
export const passUnkeyed = new Script({
  action: 'let messages go on without a key',
  keys: ['waiting', 'levels', 'lanes', 'terms', 'resting', 'unkeyed', 'roles', 'consumers'],
  args: ['consumer', 'wake'],
  shared: [ENTER, READ_IN_STEPS, TELL_KEEPER],
  lua: `
if not redis.call('ZSCORE', consumers, consumer) then return 0 end
local wasEmpty = redis.call('LLEN', waiting) == 0
if redis.call('EXISTS', unkeyed) == 0 and not redis.call('HGET', terms, '${KEYED}') then return 2 end
for _, field in ipairs(redis.call('HKEYS', roles)) do
  local reader = string.match(field, '^readsKeys:(.*)$')
  if reader and redis.call('ZSCORE', consumers, reader) then return 2 end
  if reader then redis.call('HDEL', roles, field) end
end
-- Keys of another type must refuse it before anything is moved.
for _, hash in ipairs({ levels, lanes, terms }) do redis.call('HLEN', hash) end
local queue = { waiting = waiting, levels = levels, lanes = lanes, terms = terms, resting = resting }
local isOutOfSight = false
local passed = readInSteps(${MOST_PASSED}, function(seen, some)
  return redis.call('LRANGE', unkeyed, seen, seen + some - 1)
end, function(element)
  if enter(queue, element, true) then isOutOfSight = true end
  return #element
end)
redis.call('LTRIM', unkeyed, passed, -1)
if isOutOfSight and wasEmpty then redis.call('PUBLISH', wake, '') end
if firstRest(resting) then tellKeeper(roles, wake, firstRest(resting)) end
if redis.call('EXISTS', unkeyed) == 1 then return 1 end
redis.call('HDEL', terms, '${KEYED}')
redis.call('HDEL', roles, 'keyReader', 'keyReading')
return 2
`,
  read: (reply): 'done' | 'more' | 'leaseLost' =>
    reply === 0 ? 'leaseLost' : reply === 1 ? 'more' : 'done',
});
