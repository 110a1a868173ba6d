import { Script } from '../script/script.js';

/**
 * Ends the parking of a large delayed element, as the last command of a transaction that has put its body under `name` into
 * `parked`, and given it the time `mark`, which no other one has. Adds a `small` one, due at
 * `due`. Where the large one was not there, its body goes again.
 *
 * Replies 1 when the large one is to be removed, by its mark: not here, as a sorted set reads all of what is taken out of it.
 */
export const endParkingDelayed = new Script({
  action: 'park the body of a large message',
  keys: ['delayed', 'parked', 'counts'],
  args: ['name', 'mark', 'due', 'small'],
  lua: `
-- A key of another type has refused the body. Then it stays, by its mark, the first that is due, as it was.
local hasBody = redis.pcall('HEXISTS', parked, name) == 1
if not hasBody then return 0 end
if redis.call('ZCOUNT', delayed, mark, mark) == 0 then
  redis.call('HDEL', parked, name)
  return 0
end
redis.call('ZADD', delayed, due, small)
-- The look at permissions reads here that redis.call('ZREMRANGEBYSCORE', delayed, mark) follows.
-- For people to read: a key of another type must not undo the rest.
redis.pcall('HINCRBY', counts, 'parkedEver', 1)
return 1
`,
  read: (reply): boolean => reply === 1,
});
