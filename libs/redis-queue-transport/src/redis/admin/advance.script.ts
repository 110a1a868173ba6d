import { Script, readNumber } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';

/**
 * Makes delayed elements due, and wakes consumers. The one due at `lastDueMs` becomes due now, and the others keep
 * their distance to it, so they stay in order, even over several calls. Replies with how many of them were there.
 */
export const advance = new Script({
  action: 'advance delayed messages',
  keys: ['delayed'],
  args: ['wake', 'lastDueMs'],
  rows: ['element'],
  shared: [NOW_MS],
  lua: (row) => `
local now = nowMs()
local advanced = 0
${row.each}
  local due = redis.call('ZSCORE', delayed, element)
  if due then
    redis.call('ZADD', delayed, math.min(due, now - lastDueMs + due), element)
    advanced = advanced + 1
  end
end
if advanced > 0 then redis.call('PUBLISH', wake, '') end
return advanced
`,
  read: readNumber,
});
