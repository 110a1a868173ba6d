import { KEYED } from '../lua/unkeyed-lua.js';
import { Script } from '../script/script.js';

/**
 * Says that the keys of a group's messages are read from data: by this consumer, once it has a lease, or, with an empty name,
 * by one that is about to join. If nobody said so before, what waits already and has come without keys waits for its keys
 * too; but not while any keys are in use, since those are counted.
 */
export const beginReading = new Script({
  action: 'read keys from data',
  keys: ['terms', 'roles', 'waiting', 'unkeyed', 'levels', 'lanes'],
  args: ['consumer'],
  lua: `
local wasKeyed = redis.call('HGET', terms, '${KEYED}')
redis.call('HSET', terms, '${KEYED}', 1)
if consumer ~= '' then redis.call('HSET', roles, 'readsKeys:' .. consumer, 1) end
if not wasKeyed and redis.call('EXISTS', unkeyed, levels, lanes) == 0 and redis.call('LLEN', waiting) > 0 then
  redis.call('RENAME', waiting, unkeyed)
end
return 1
`,
  read: () => undefined,
});
