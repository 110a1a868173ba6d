import { NOW_MS, Script, readNumber } from '../script.js';

/** Makes delayed elements (behind the named arguments) due now, and wakes consumers. Replies how many were there. */
export const advance = new Script({
  action: 'advance delayed messages',
  keys: ['delayed'],
  args: ['wake'],
  lua: `
${NOW_MS}
local advanced = 0
for i = FIRST, #ARGV do
  if redis.call('ZSCORE', delayed, ARGV[i]) then
    redis.call('ZADD', delayed, now, ARGV[i])
    advanced = advanced + 1
  end
end
if advanced > 0 then redis.call('PUBLISH', wake, '') end
return advanced
`,
  read: readNumber,
});
