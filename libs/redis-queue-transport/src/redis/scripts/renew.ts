import { DROP_DEAD } from '../parking-lua.js';
import { NOW_MS, Script, readArray, readBuffer, readNumber } from '../script.js';

/**
 * Extends the lease of a consumer that still has it, and names the consumers of the queue whose lease has ended,
 * those that were fenced before included: a late command of theirs may still have taken something. Drops dead letters
 * that are too old, or a part of them, unless the age is 0.
 *
 * Replies: 0 when the lease is lost; else { Redis's time in ms, 1 if more may be too old, ended consumers … }.
 */
export const renew = new Script({
  action: 'renew a lease',
  keys: ['consumers', 'fenced', 'dead', 'counts', 'parked'],
  args: ['consumer', 'leaseMs', 'deadLetterMaxAgeMs'],
  lua: `
${NOW_MS}${DROP_DEAD}
-- It answers 0 also when the time is the same.
local changed = redis.call('ZADD', consumers, 'XX', 'CH', now + leaseMs, consumer)
if changed == 0 and not redis.call('ZSCORE', consumers, consumer) then return 0 end
local mayBeMore
if tonumber(deadLetterMaxAgeMs) > 0 then mayBeMore = dropDead(0, math.max(0, now - deadLetterMaxAgeMs)) end
local reply = redis.call('ZRANGE', consumers, '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)
for _, fencedConsumer in ipairs(redis.call('ZRANGE', fenced, 0, 99)) do reply[#reply + 1] = fencedConsumer end
table.insert(reply, 1, now)
table.insert(reply, 2, mayBeMore and 1 or 0)
return reply
`,
  read: (reply): { nowMs: number; mayDropMore: boolean; ended: string[] } | 'leaseLost' => {
    if (reply === 0) return 'leaseLost';
    const [now, mayBeMore, ...ended] = readArray(reply);
    return {
      nowMs: readNumber(now),
      mayDropMore: mayBeMore === 1,
      ended: ended.map((consumer) => readBuffer(consumer).toString()),
    };
  },
});
