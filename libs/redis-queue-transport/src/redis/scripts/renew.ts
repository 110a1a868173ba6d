import { UNPARK_DEAD } from '../parking-lua.js';
import { NOW_MS, Script, readArray, readBuffer, readNumber } from '../script.js';

/**
 * Extends the lease of a consumer that still has it, and names the consumers of the queue whose lease has ended,
 * those that were fenced before included: a late command of theirs may still have taken something. Drops dead letters
 * that are too old, unless the age is 0.
 *
 * Replies: 0 when the lease is lost; else { Redis's time in ms, ended consumers … }.
 */
export const renew = new Script({
  action: 'renew a lease',
  keys: ['consumers', 'fenced', 'dead', 'counts', 'parked'],
  args: ['consumer', 'leaseMs', 'deadLetterMaxAgeMs'],
  lua: `
${NOW_MS}${UNPARK_DEAD}
-- It answers 0 also when the time is the same.
local changed = redis.call('ZADD', consumers, 'XX', 'CH', now + leaseMs, consumer)
if changed == 0 and not redis.call('ZSCORE', consumers, consumer) then return 0 end
if tonumber(deadLetterMaxAgeMs) > 0 then
  local oldest = math.max(0, now - deadLetterMaxAgeMs)
  if oldest > 0 then unparkDead(dead, string.format('(%d-0', oldest), redis.call('XLEN', dead)) end
  local dropped = redis.call('XTRIM', dead, 'MINID', '=', oldest)
  if dropped > 0 then redis.call('HINCRBY', counts, 'deadLettersDropped', dropped) end
end
local reply = redis.call('ZRANGE', consumers, '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)
for _, fencedConsumer in ipairs(redis.call('ZRANGE', fenced, 0, 99)) do reply[#reply + 1] = fencedConsumer end
table.insert(reply, 1, now)
return reply
`,
  read: (reply): { nowMs: number; ended: string[] } | 'leaseLost' => {
    if (reply === 0) return 'leaseLost';
    const [now, ...ended] = readArray(reply);
    return {
      nowMs: readNumber(now),
      ended: ended.map((consumer) => readBuffer(consumer).toString()),
    };
  },
});
