import { Script, readNumber } from '../script/script.js';

/** Records, for `keepMs`, the numbers of requests (the arguments) whose caller wants no more replies. Replies 1. */
export const refuseReplies = new Script({
  action: 'refuse further replies',
  keys: ['refused'],
  args: ['keepMs'],
  lua: `
for i = FIRST, #ARGV do redis.call('HSET', refused, ARGV[i], '') end
return redis.call('PEXPIRE', refused, keepMs)
`,
  read: readNumber,
});
