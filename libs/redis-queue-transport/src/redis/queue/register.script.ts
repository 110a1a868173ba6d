import { Script } from '../script/script.js';

/** Notes a queue in the index: `served` once a server joined it, else `pushed`. Replies what it was before, or nothing. */
export const register = new Script({
  action: 'register a queue',
  keys: ['queues'],
  args: ['queue', 'state'],
  lua: `
local known = redis.call('HGET', queues, queue)
if known ~= state and known ~= 'served' then redis.call('HSET', queues, queue, state) end
return known or ''
`,
  read: String,
});
