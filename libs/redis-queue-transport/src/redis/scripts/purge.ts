import { Script, readNumber } from '../script.js';

/** Removes what waits and what is delayed. Replies how many messages that were. */
export const purge = new Script({
  action: 'purge a queue',
  keys: ['waiting', 'delayed'],
  args: [],
  lua: `
local removed = redis.call('LLEN', waiting) + redis.call('ZCARD', delayed)
redis.call('UNLINK', waiting, delayed)
return removed
`,
  read: readNumber,
});
