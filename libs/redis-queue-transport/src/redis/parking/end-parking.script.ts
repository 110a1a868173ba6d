import { Script } from '../script/script.js';

/**
 * Ends the parking of a large element, as the last command of a transaction. The commands before it have put a `small`
 * one right before it in `list`, and its body under `name` into `parked`. Removes the large one without reading it. If
 * the large one was not there, or its `owner` has a lease that does not end at `seenEndMs`, it undoes everything.
 *
 * Replies with 1 if the small one has taken its place, else 0.
 */
export const endParking = new Script({
  action: 'park the body of a large message',
  keys: ['list', 'parked', 'counts', 'consumers'],
  args: ['name', 'owner', 'seenEndMs', 'small'],
  lua: `
local at = redis.call('LPOS', list, small, 'RANK', -1)
-- A key of another type has refused the body.
local hasBody = redis.pcall('HEXISTS', parked, name) == 1
local leaseEnd = owner ~= '' and redis.call('ZSCORE', consumers, owner)
local isTheirs = leaseEnd and tonumber(leaseEnd) ~= tonumber(seenEndMs)
if not at or not hasBody or isTheirs then
  if at then redis.call('LREM', list, -1, small) end
  if hasBody then redis.call('HDEL', parked, name) end
  return 0
end
-- Removed by its place, so its bytes are never copied. The name that replaces it equals nothing else there.
redis.call('LSET', list, at + 1, name)
redis.call('LREM', list, -1, name)
-- Only people read this count: a key of another type must not undo the rest.
redis.pcall('HINCRBY', counts, 'parkedEver', 1)
return 1
`,
  read: (reply): boolean => reply === 1,
});
