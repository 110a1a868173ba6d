import { Script, readNumber } from '../script/script.js';
import { NOW_MS } from '../script/clock-lua.js';

/**
 * Makes delayed elements due, and wakes consumers. What is due at `lastDueMs` is due now,
 * and the others as much before it as they were: so they keep their order, over several calls too. Replies how many
 * were there.
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
