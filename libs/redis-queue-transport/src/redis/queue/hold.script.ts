import { Script, readArray } from '../script/script.js';
import type { RowsOf } from '../script/script.js';
import { NOW_MS } from '../script/clock-lua.js';
import { DELAY } from '../script/delayed-lua.js';
import { ENTER } from '../script/lanes-lua.js';
import { FORGET_ENDED } from '../script/ids-lua.js';

/**
 * Adds messages that have a key or terms of their own. Each row has the element, the Redis time in ms at which it is due or 0,
 * its id, the window in ms within which the id is taken once or 0, and the name under which its body has just been
 * parked or nothing. Unlike most scripts it is refused while Redis is full: it takes messages in.
 *
 * The consumer that keeps the time is told of a delayed message that is due before all others.
 *
 * Replies with 1 for each message that was added, 0 for each whose id was there.
 */
export const hold = new Script({
  action: 'hold a message',
  growsData: true,
  keys: ['waiting', 'delayed', 'ids', 'parked', 'counts', 'roles', 'lanes', 'terms'],
  args: ['wake'],
  rows: ['element', 'dueMs', 'id', 'windowMs', 'name'],
  shared: [NOW_MS, DELAY, ENTER, FORGET_ENDED],
  lua: (row) => `
local now = nowMs()

forgetEnded(ids, now)
-- Read before anything is added: a key of another type must refuse all of the messages, not only the later ones.
redis.call('LLEN', waiting)
redis.call('HLEN', parked)
redis.call('HLEN', counts)
redis.call('ZCARD', delayed)
redis.call('HLEN', lanes)
redis.call('HLEN', terms)
local reply = {}
${row.each}
  local due, window = tonumber(dueMs), tonumber(windowMs)
  local takenUntil = window > 0 and redis.call('ZSCORE', ids, id)
  local isNew = not takenUntil or tonumber(takenUntil) <= now
  if name ~= '' then
    if isNew then redis.call('HINCRBY', counts, 'parkedEver', 1) else redis.call('HDEL', parked, name) end
  end
  if isNew and due > now then
    delay(due, element)
  elseif isNew then
    enter(waiting, lanes, terms, element)
  end
  -- Only once the message is held: if a command failed before, the next try must not be taken for a duplicate.
  if isNew and window > 0 then
    redis.call('ZADD', ids, now + window, id)
    if redis.call('PTTL', ids) < window then redis.call('PEXPIRE', ids, window) end
  end
  reply[#reply + 1] = isNew and 1 or 0
end
tellDue()
return reply
`,
  read: (reply): readonly boolean[] => readArray(reply).map((added) => added === 1),
});

export type HoldRow = RowsOf<typeof hold>;
