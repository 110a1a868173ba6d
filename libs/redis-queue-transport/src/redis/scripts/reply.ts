import { Script, readNumber } from '../script.js';

/**
 * Adds replies (the arguments behind the named ones) to a caller's list, which vanishes when nobody reads it for
 * `keepMs`. Replies the list's length.
 */
export const reply = new Script({
  action: 'send a reply',
  keys: ['replies'],
  args: ['keepMs'],
  lua: `
local length
for i = FIRST, #ARGV do length = redis.call('RPUSH', replies, ARGV[i]) end
redis.call('PEXPIRE', replies, keepMs)
return length
`,
  read: readNumber,
});
