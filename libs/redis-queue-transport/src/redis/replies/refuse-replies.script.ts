import { Script, readNumber } from '../script/script.js';

/** Records, for `keepMs`, the numbers of requests whose caller wants no more replies. Replies with 1. */
export const refuseReplies = new Script({
  action: 'refuse further replies',
  keys: ['refused'],
  args: ['keepMs'],
  rows: ['request'],
  lua: (row) => `
${row.each} redis.call('HSET', refused, request, '') end
return redis.call('PEXPIRE', refused, keepMs)
`,
  read: readNumber,
});
