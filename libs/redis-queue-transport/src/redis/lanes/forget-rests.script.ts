import { Script, readArray, readNumber } from '../script/script.js';

/** Most keys that one call looks at. */
const MOST_SEEN = 1_000;

/**
 * Ends the rests of keys with nothing in their lane, of the next keys behind the first `passed`: those that end by
 * themselves or, if `isAll` is 1, paused keys too. Replies with { how many ended, how many other keys there were }.
 */
export const forgetRests = new Script({
  action: 'purge a queue',
  keys: ['lanes', 'resting'],
  args: ['passed', 'isAll'],
  lua: `
local last = isAll == '1' and '+inf' or '(+inf'
local keys = redis.pcall('ZRANGE', resting, 0, last, 'BYSCORE', 'LIMIT', passed, ${MOST_SEEN})
-- A key of another type has no keys that rest.
if keys.err then return { 0, 0 } end
local ended = 0
for _, key in ipairs(keys) do
  if redis.call('EXISTS', lanes .. ':' .. key) == 0 then
    redis.call('ZREM', resting, key, ':' .. key)
    if redis.call('HGET', lanes, key) == '0' then redis.call('HDEL', lanes, key) end
    ended = ended + 1
  end
end
return { ended, #keys - ended }
`,
  read: (reply): { ended: number; others: number } => {
    const [ended, others] = readArray(reply);
    return { ended: readNumber(ended), others: readNumber(others) };
  },
});
