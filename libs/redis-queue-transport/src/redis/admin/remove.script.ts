import { Script } from '../script/script.js';
import { UNPARK } from '../script/parking-lua.js';

/**
 * Removes one copy of an element that nobody holds, with its parked body. Replies with 1, or 0 if it is not there (any
 * more).
 */
export const remove = new Script({
  action: 'remove a message',
  keys: ['waiting', 'suspects', 'delayed', 'parked'],
  args: ['element'],
  shared: [UNPARK],
  lua: `
local removed = redis.call('ZREM', delayed, element)
if removed == 0 then removed = redis.call('LREM', suspects, 1, element) end
if removed == 0 then removed = redis.call('LREM', waiting, -1, element) end
if removed == 1 then unpark(element) end
return removed
`,
  read: (reply): boolean => reply === 1,
});
