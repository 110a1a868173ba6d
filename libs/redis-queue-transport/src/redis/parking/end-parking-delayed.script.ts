import { Script } from '../script/script.js';

/**
 * Ends the parking of a large delayed element, as the last command of a transaction that has put its body under `name`
 * into `parked`, and given it the due time `mark`, which no other element has. Adds a `small` one, due at `due`. If the
 * large one was not there, drops its body again.
 *
 * Replies with 1 if the caller has to remove the large one, by its mark. The script leaves that to a command, since
 * removing an element from a sorted set reads all of it.
 */
export const endParkingDelayed = new Script({
  action: 'park the body of a large message',
  keys: ['delayed', 'parked', 'counts'],
  args: ['name', 'mark', 'due', 'small'],
  lua: `
-- A key of another type has refused the body. The large one then stays, and is still the first that is due, by its
-- mark.
local hasBody = redis.pcall('HEXISTS', parked, name) == 1
if not hasBody then return 0 end
if redis.call('ZCOUNT', delayed, mark, mark) == 0 then
  redis.call('HDEL', parked, name)
  return 0
end
redis.call('ZADD', delayed, due, small)
-- The check of permissions reads here that redis.call('ZREMRANGEBYSCORE', delayed, mark) follows.
-- Only people read this count: a key of another type must not undo the rest.
redis.pcall('HINCRBY', counts, 'parkedEver', 1)
return 1
`,
  read: (reply): boolean => reply === 1,
});
