import { Script, readNumber } from '../script/script.js';
import { NOW_MS } from '../script/clock-lua.js';

/**
 * Makes delayed elements (behind the named arguments) due, and wakes consumers. What is due at `lastDueMs` is due now,
 * and the others as much before it as they were: so they keep their order, over several calls too. Replies how many
 * were there.
 */
export const advance = new Script({
  action: 'advance delayed messages',
  keys: ['delayed'],
  args: ['wake', 'lastDueMs'],
  shared: [NOW_MS],
  lua: `
local now = nowMs()
local advanced = 0
for i = FIRST, #ARGV do
  local due = redis.call('ZSCORE', delayed, ARGV[i])
  if due then
    redis.call('ZADD', delayed, math.min(due, now - lastDueMs + due), ARGV[i])
    advanced = advanced + 1
  end
end
if advanced > 0 then redis.call('PUBLISH', wake, '') end
return advanced
`,
  read: readNumber,
});
