import { Script } from '../script/script.js';

/** Lists a queue: `served` if a server has joined it, else `pushed`. Replies with the previous value, or nothing. */
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
