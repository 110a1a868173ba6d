import { END_STAY } from '../lua/lanes-lua.js';
import { Script } from '../script/script.js';

/**
 * Pauses a key ('1'), so that it rests without end, or ends its rest ('0'), whatever it was for: then as many of it go on
 * as may.
 */
export const setKeyPaused = new Script({
  action: 'pause or resume a key',
  keys: ['waiting', 'levels', 'lanes', 'terms', 'resting'],
  args: ['key', 'isPaused', 'wake'],
  shared: [END_STAY],
  lua: `
checkLists()
local out = math.max(0, tonumber(redis.call('HGET', lanes, key)) or 0)
if isPaused == '1' then
  redis.call('ZADD', resting, '+inf', key)
  redis.call('ZREM', resting, ':' .. key)
  redis.call('HSETNX', lanes, key, 0)
elseif redis.call('ZREM', resting, key, ':' .. key) > 0 then
  goOn(key, out, out)
  if firstRest(resting) then redis.call('PUBLISH', wake, '') end
end
return 1
`,
  read: () => undefined,
});
