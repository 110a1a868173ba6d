import { NOW_MS, Script, readNumber } from '../script/script.js';

/** Registers a consumer with its lease. Replies Redis's time in ms. */
export const join = new Script({
  action: 'join a queue',
  keys: ['consumers'],
  args: ['consumer', 'leaseMs'],
  lua: `
${NOW_MS}
redis.call('ZADD', consumers, now + leaseMs, consumer)
return now
`,
  read: readNumber,
});
