import { Script, readNumber } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';

/** Registers a consumer with its lease. Replies with Redis's time in ms. */
export const join = new Script({
  action: 'join a queue',
  keys: ['consumers'],
  args: ['consumer', 'leaseMs'],
  shared: [NOW_MS],
  lua: `
local now = nowMs()
redis.call('ZADD', consumers, now + leaseMs, consumer)
return now
`,
  read: readNumber,
});
