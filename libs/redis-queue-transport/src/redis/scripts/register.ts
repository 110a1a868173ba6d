import { Script, readNumber } from '../script.js';

/** Notes a queue in the index: `served` once a server joined it, else `pushed`. Replies 1 when it changed. */
export const register = new Script({
  action: 'register a queue',
  keys: ['queues'],
  args: ['queue', 'state'],
  lua: `
local known = redis.call('HGET', queues, queue)
if known == state or known == 'served' then return 0 end
redis.call('HSET', queues, queue, state)
return 1
`,
  read: readNumber,
});
