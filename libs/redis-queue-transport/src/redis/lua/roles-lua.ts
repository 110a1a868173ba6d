import { SharedLua } from '../script/shared-lua.js';

/** News on the channel of a process, followed by a Redis time in ms: something is due then, before all else. */
export const DUE = 'due';

/** News that messages wait for their keys to be read. */
export const KEYS_NEWS = 'keys';

/**
 * Tells the consumer that has a role in its queue, as the Lua function `tellRole(roles, role, wake, news, toAll)`. Without
 * one, or if its process is gone, it tells all consumers `toAll`. (The process of a consumer is its name up to the last
 * number.)
 */
const TELL_ROLE = new SharedLua(`
local function tellRole(roles, role, wake, news, toAll)
  local holder = redis.call('HGET', roles, role)
  local process = holder and string.gsub(holder, '%-%d+$', '')
  if not process or redis.call('PUBLISH', wake .. ':' .. process, news) == 0 then redis.call('PUBLISH', wake, toAll) end
end
`);

/** Tells the timekeeper of a queue that something is due then, as the Lua function `tellKeeper(roles, wake, due)`. */
export const TELL_KEEPER = new SharedLua(
  `
local function tellKeeper(roles, wake, due)
  tellRole(roles, 'timekeeper', wake, string.format('${DUE} %.0f', due), '')
end
`,
  [],
  [TELL_ROLE],
);

/**
 * Tells who reads the keys of a queue that messages wait for that, as the Lua function `tellReader(queue)`, if one was added
 * that the reader may not know of.
 */
export const TELL_READER = new SharedLua(
  `
local function tellReader(queue)
  if queue.mustTellReader then tellRole(queue.roles, 'keyReader', queue.wake, '${KEYS_NEWS}', '${KEYS_NEWS}') end
end
`,
  [],
  [TELL_ROLE],
);

/**
 * What the reader of keys is reading, in the field `keyReading` of `roles`: how many messages, how many at the head were
 * being read when a process died and are read one by one, how often a process died of the first of them, and which one that
 * is (its digest: others may have been removed by hand).
 *
 * - `readingOf(roles)`: these four. `noteReading(roles, many, doubted, crashes, digest)` writes them.
 * - `readerDied(roles)`: the one that read them is dead.
 */
export const READING = new SharedLua(`
local function readingOf(roles)
  local many, doubted, crashes, digest =
    string.match(redis.call('HGET', roles, 'keyReading') or '', '^(%d+) (%d+) (%d+) (%x*)$')
  return tonumber(many or 0), tonumber(doubted or 0), tonumber(crashes or 0), digest or ''
end
local function noteReading(roles, many, doubted, crashes, digest)
  if many == 0 and doubted == 0 then redis.call('HDEL', roles, 'keyReading')
  else redis.call('HSET', roles, 'keyReading', many .. ' ' .. doubted .. ' ' .. crashes .. ' ' .. digest) end
end
local function readerDied(roles)
  local many, doubted, crashes, digest = readingOf(roles)
  if many > 0 then noteReading(roles, 0, math.max(doubted, many), many == 1 and crashes + 1 or 1, digest) end
end
`);

/**
 * Ends the roles that a consumer has in its queue, as the Lua function `endRoles(consumer, isDead)`. Returns whether it had
 * any, which another consumer must then take over. It also forgets where due messages went, so that nothing is left behind
 * by the last consumer.
 */
export const END_ROLES = new SharedLua(
  `
local function endRoles(consumer, isDead)
  local hasAny = false
  if redis.call('HGET', roles, 'keyReader') == consumer then
    if isDead then readerDied(roles)
    else
      local _, doubted, crashes, digest = readingOf(roles)
      noteReading(roles, 0, doubted, crashes, digest)
    end
    redis.call('HDEL', roles, 'keyReader')
    redis.call('PUBLISH', wake, '${KEYS_NEWS}')
  end
  for _, role in ipairs({ 'trial', 'timekeeper' }) do
    if redis.call('HGET', roles, role) == consumer then
      redis.call('HDEL', roles, role)
      hasAny = true
    end
  end
  redis.call('HDEL', roles, 'offered', 'dueLast', 'readsKeys:' .. consumer)
  return hasAny
end
`,
  ['roles', 'wake'],
  [READING],
);
