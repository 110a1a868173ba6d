import type { SeenLease } from '../../core/broker.js';
import { DROP_DEAD } from '../parking-lua.js';
import { NOW_MS, Script, readArray, readBuffer, readNumber } from '../script.js';

/** So many consumers are named at most whose lease ends too soon, those first that have been silent for longest. */
const MOST_LATE = 1_000;

/** And so many whose lease ends too late; with others in their place as soon as these are reclaimed. */
const MOST_LATER = 100;

/** A healthy consumer renews when two thirds of its lease are left: with less it is late. */
const LATE_PART = 0.65;

export interface RenewReply {
  readonly nowMs: number;
  readonly mayDropMore: boolean;
  readonly doubtful: readonly SeenLease[];
  readonly fenced: readonly string[];
  readonly deadLettersDropped: number;
}

/**
 * Extends the lease of a consumer that still has it. Names the consumers of the queue whose lease is over or soon will be,
 * and those whose lease ends later than this one: Redis's clock may have been set back. Names those too that were fenced
 * before: a late command of theirs may still have taken something. Drops dead letters that are too old, or a part of
 * them, unless the age is 0. Where `tellDropped` is 1, it tells how many were dropped since that was told last, whoever
 * dropped them: each is told once, whatever the number of consumers.
 *
 * Replies: 0 when the lease is lost; else { Redis's time in ms, 1 if more may be too old, { consumer, when its lease
 * ends … }, { the same of those that end later }, { fenced consumer … }, how many dead letters were dropped }.
 */
export const renew = new Script({
  action: 'renew a lease',
  keys: ['consumers', 'fenced', 'dead', 'counts', 'parked'],
  args: ['consumer', 'leaseMs', 'deadLetterMaxAgeMs', 'tellDropped'],
  lua: `
${NOW_MS}${DROP_DEAD}
-- It answers 0 also when the time is the same.
local changed = redis.call('ZADD', consumers, 'XX', 'CH', now + leaseMs, consumer)
if changed == 0 and not redis.call('ZSCORE', consumers, consumer) then return 0 end
local mayBeMore
if tonumber(deadLetterMaxAgeMs) > 0 then mayBeMore = dropDead(0, math.max(0, now - deadLetterMaxAgeMs)) end
local untold = 0
if tellDropped == '1' then
  local dropped = redis.call('HGET', counts, 'deadLettersDropped')
  untold = (tonumber(dropped) or 0) - (tonumber(redis.call('HGET', counts, 'deadLettersTold')) or 0)
  if untold > 0 then redis.call('HSET', counts, 'deadLettersTold', dropped) end
end
local late = now + leaseMs * ${LATE_PART}
local later = '(' .. string.format('%.0f', now + leaseMs)
return {
  now,
  mayBeMore and 1 or 0,
  redis.call('ZRANGE', consumers, '-inf', late, 'BYSCORE', 'LIMIT', 0, ${MOST_LATE}, 'WITHSCORES'),
  redis.call('ZRANGE', consumers, '+inf', later, 'BYSCORE', 'REV', 'LIMIT', 0, ${MOST_LATER}, 'WITHSCORES'),
  redis.call('ZRANGE', fenced, 0, 99),
  math.max(0, untold),
}
`,
  read: (reply): RenewReply | 'leaseLost' => {
    if (reply === 0) return 'leaseLost';
    const [now, mayBeMore, late, later, fenced, untold] = readArray(reply);
    return {
      nowMs: readNumber(now),
      mayDropMore: mayBeMore === 1,
      doubtful: [...readLeases(late), ...readLeases(later)],
      fenced: readArray(fenced).map((consumer) => readBuffer(consumer).toString()),
      deadLettersDropped: readNumber(untold),
    };
  },
});

function readLeases(reply: unknown): SeenLease[] {
  const words = readArray(reply).map((word) => readBuffer(word).toString());
  const leases: SeenLease[] = [];
  for (let at = 0; at + 1 < words.length; at += 2)
    leases.push({ consumer: words[at] ?? '', endsAtMs: Number(words[at + 1]) });
  return leases;
}
