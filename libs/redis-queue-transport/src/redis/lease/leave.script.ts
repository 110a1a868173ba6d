import { Script, readNumber } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';
import { GIVE_BACK } from '../lua/moving-lua.js';
import { END_ROLES } from '../lua/roles-lua.js';
import { END_SLEEP } from '../lua/sleepers-lua.js';

/**
 * Hands back what a consumer holds, unchanged, all of it or a part with each call, and ends the consumer when nothing is
 * left. With a `fenceMs` above 0, its name stays watched that long, since one of its commands has an unknown outcome. Wakes
 * others if it had a role for all of them, or held something: they may have been waiting for its places. Replies with how
 * many deliveries it still holds.
 */
export const leave = new Script({
  action: 'leave a queue',
  keys: ['waiting', 'levels', 'suspects', 'processing', 'consumers', 'fenced', 'roles', 'sleepers'],
  args: ['consumer', 'fenceMs', 'wake', 'takesFrom'],
  shared: [NOW_MS, GIVE_BACK, END_ROLES, END_SLEEP],
  lua: `
local held = redis.call('EXISTS', processing)
local left = giveBack()
if left > 0 then return left end
local isMissed = endRoles(consumer, false)
redis.call('ZREM', consumers, consumer)
endSleep(consumer)
if tonumber(fenceMs) > 0 then
  local now = nowMs()
  redis.call('ZADD', fenced, now + fenceMs, consumer)
end
if isMissed or held == 1 then redis.call('PUBLISH', wake, '') end
return 0
`,
  read: readNumber,
});
