import type { SeenLease } from '../../core/broker/lease.js';
import { Script, readArray, readBuffer, readNumber } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';
import { DROP_DEAD } from '../lua/parking-lua.js';

/** Most consumers that are named because their lease ends too soon, the longest silent first. */
const MOST_LATE = 1_000;

/** Most consumers that are named because their lease ends too late; others follow when these are reclaimed. */
const MOST_LATER = 100;

/** Most fenced consumers that are named with each look: successive looks name different ones. */
const MOST_FENCED = 1_000;

/** A healthy consumer renews when two thirds of its lease are left. With less it is late. */
const LATE_PART = 0.65;

export interface RenewReply {
  readonly nowMs: number;
  readonly mayDropMore: boolean;
  readonly doubtful: readonly SeenLease[];
  readonly fenced: readonly string[];
  readonly deadLettersDropped: number;
}

/**
 * Extends the lease of a consumer that still has it. Names the consumers of the queue whose lease is over or soon will
 * be, and those whose lease ends later than this one: Redis's clock may have been set back. Drops dead letters that are
 * too old, or a part of them, unless the age is 0. If `tellDropped` is 1, it tells how many were dropped since it last
 * told that to any consumer, no matter who dropped them: each is told once, whatever the number of consumers.
 *
 * Of all consumers, the first to renew in each third of a lease is given fenced consumers too: a late command of theirs
 * may still have taken something, and one look is enough. The leases tell who is the first: no other lease was renewed
 * in that third. If there are many fenced consumers, each look gets the next part of them.
 *
 * Replies: 0 if the lease is lost; else { Redis's time in ms, 1 if more may be too old, { consumer, when its lease
 * ends … }, { the same of those that end later }, { fenced consumer … }, how many dead letters were dropped }.
 */
export const renew = new Script({
  action: 'renew a lease',
  keys: ['consumers', 'fenced', 'dead', 'counts', 'parked'],
  args: ['consumer', 'leaseMs', 'deadLetterMaxAgeMs', 'tellDropped'],
  shared: [NOW_MS, DROP_DEAD],
  lua: `
local now = nowMs()

local thirdMs = leaseMs / 3
local third = math.floor(now / thirdMs)
local renewedSince = redis.call('ZRANGE', consumers, third * thirdMs + leaseMs, now + leaseMs, 'BYSCORE', 'LIMIT', 0, 1)
local isFirst = #renewedSince == 0
-- ZADD also replies 0 if the time is the same.
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
local watched = {}
local fencedCount = isFirst and redis.call('ZCARD', fenced) or 0
if fencedCount > 0 then
  local from = third % math.ceil(fencedCount / ${MOST_FENCED}) * ${MOST_FENCED}
  watched = redis.call('ZRANGE', fenced, from, from + ${MOST_FENCED} - 1)
end
local late = now + leaseMs * ${LATE_PART}
local later = '(' .. string.format('%.0f', now + leaseMs)
return {
  now,
  mayBeMore and 1 or 0,
  redis.call('ZRANGE', consumers, '-inf', late, 'BYSCORE', 'LIMIT', 0, ${MOST_LATE}, 'WITHSCORES'),
  redis.call('ZRANGE', consumers, '+inf', later, 'BYSCORE', 'REV', 'LIMIT', 0, ${MOST_LATER}, 'WITHSCORES'),
  watched,
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
