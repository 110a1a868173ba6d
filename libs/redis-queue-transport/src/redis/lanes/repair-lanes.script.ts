import type { LaneCheck } from '../../core/admin/admin-broker.js';
import { END_STAY, IN_LANES } from '../lua/lanes-lua.js';
import { Script, readArray, readNumber } from '../script/script.js';
import { AUDITED, AUDIT_LANES } from './audit-lua.js';
import { readCheck } from './check-lanes.script.js';

/** How many keys one call mends, and about how many messages it lets go on. */
const MOST_MENDED = 500;

/**
 * Counts what is out of keys anew where it is wrong, and lets the next of these keys go on, as many as may. The rows
 * are keys whose lanes were found by their names. Replies with 0 if the queue is too long, or { the keys that were
 * wrong, as AUDIT_LANES returns them, what was counted of all lanes, how many were in them, how many more are wrong }. If
 * any is wrong, it corrects at least one.
 */
export const repairLanes = new Script({
  action: 'repair the lanes',
  keys: [...AUDITED, 'terms'],
  args: ['wake'],
  rows: ['key'],
  shared: [AUDIT_LANES, END_STAY],
  lua: (row) => `
local named = {}
${row.each} named[#named + 1] = key end
-- A key of another type must refuse it before anything is changed.
local wrong, counted, inLanes = auditLanes(named)
if not wrong then return 0 end
perKeyOf(terms)
redis.call('HLEN', levels)
local mended, moved = {}, 0
for _, one in ipairs(wrong) do
  if #mended == ${MOST_MENDED} or moved >= ${MOST_MENDED} then break end
  moved = moved + goOn(one[1], one[3], nil)
  mended[#mended + 1] = one
end
local left = inLanes - moved
if left == 0 then redis.call('HDEL', lanes, '${IN_LANES}')
elseif redis.call('HGET', lanes, '${IN_LANES}') ~= tostring(left) then redis.call('HSET', lanes, '${IN_LANES}', left) end
if moved > 0 or firstRest(resting) then redis.call('PUBLISH', wake, '') end
return { mended, counted, inLanes, #wrong - #mended }
`,
  read: (reply): { readonly check: LaneCheck; readonly left: number } | undefined => {
    if (reply === 0) return undefined;
    const [mended, counted, there, left] = readArray(reply);
    return { check: readCheck([mended, counted, there]), left: readNumber(left) };
  },
});
