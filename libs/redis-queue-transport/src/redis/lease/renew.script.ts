import type { SeenLease } from '../../core/broker/lease.js';
import { isReplyError } from '../connection/failure.js';
import { Script, readArray, readBuffer, readNumber } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';
import { DROP_DEAD } from '../lua/parking-lua.js';
import { END_SLEEP, IS_WATCHER } from '../lua/sleepers-lua.js';

/** Most consumers that are named because their lease ends too soon, the longest silent first. */
const MOST_LATE = 1_000;

/** Most consumers that are named because their lease ends too late; others follow when these are reclaimed. */
const MOST_LATER = 100;

/** Most fenced consumers that are named with each look: successive looks name different ones. */
const MOST_FENCED = 1_000;

/** A healthy consumer renews when two thirds of its lease are left. With less it is late. */
const LATE_PART = 0.65;

/** Of a consumer that sleeps. Their indexes stand in replies. */
const WAKE_UPS = ['sleepOn', 'again', 'look', 'lookAround', 'watch'] as const;

/**
 * - `sleepOn`: there is nothing to do.
 * - `again`: Redis does not have it among those that sleep.
 * - `look`: messages wait, and it was not told.
 * - `lookAround`: a delayed message was added and it was not told, or nobody keeps the time.
 * - `watch`: it is one of the watchers.
 */
export type WakeUp = (typeof WAKE_UPS)[number];

const KEYS = [
  'consumers',
  'fenced',
  'dead',
  'counts',
  'parked',
  'waiting',
  'sleepers',
  'roles',
  'delayed',
  'unkeyed',
  'processing',
] as const;

const ARGS = [
  'consumer',
  'leaseMs',
  'deadLetterMaxAgeMs',
  'tellDropped',
  'sleep',
  'knownDue',
  'holds',
  'wake',
] as const;

export type RenewKeys = Readonly<Record<(typeof KEYS)[number], string>>;
export type RenewArguments = Readonly<Record<(typeof ARGS)[number], string | number>>;

/** The keys in the order in which they follow those of the first consumer. */
export function keysInOrder(keys: RenewKeys): readonly string[] {
  return KEYS.map((name) => keys[name]);
}

export interface RenewReply {
  readonly nowMs: number;
  readonly mayDropMore: boolean;
  readonly doubtful: readonly SeenLease[];
  readonly fenced: readonly string[];
  readonly deadLettersDropped: number;
  readonly wakeUp: WakeUp;
  readonly hasUnkeyed: boolean;
}

/**
 * Renews the leases of consumers, of which each may have a queue of its own: the first by the named keys and arguments, the
 * others by further keys and the rows. If one fails, the others are still renewed. For each:
 *
 * Extends the lease of a consumer that still has it. Names the consumers of the queue whose lease is over or soon will
 * be, and those whose lease ends later than this one: Redis's clock may have been set back. Drops dead letters that are
 * too old, or a part of them, unless the age is 0. If `tellDropped` is 1, it tells how many were dropped since it last
 * told that to any consumer, no matter who dropped them: each is told once, whatever the number of consumers.
 *
 * Of all consumers, the first to renew in each third of a lease is given fenced consumers too: a late command of theirs
 * may still have taken something, and one look is enough. The leases tell who is the first: no other lease was renewed
 * in that third. If there are many fenced consumers, each look gets the next part of them.
 *
 * News for a consumer that is `asleep` may have been lost, so it is told what it has to do. If it keeps the time, `knownDue`
 * is when the next delayed message is due as far as it knows, or `none`. If its list has more than the messages that it
 * `holds`, a late command has put them there. The sleep of one that is `awake` ends.
 *
 * Replies for each: an error; 0 if the lease is lost; else { Redis's time in ms, 1 if more may be too old, { consumer,
 * when its lease ends … }, { the same of those that end later }, { fenced consumer … }, how many dead letters were
 * dropped, the index of a {@link WakeUp}, 1 if messages wait for their keys }.
 */
export const renew = new Script({
  action: 'renew a lease',
  keys: KEYS,
  args: ARGS,
  rows: ARGS,
  shared: [NOW_MS, DROP_DEAD, END_SLEEP, IS_WATCHER],
  lua: (row) => `
local now = nowMs()

local function wakeUp()
  if sleep == 'awake' then endSleep(consumer) end
  if sleep ~= 'asleep' then return 0 end
  if not redis.call('ZRANK', sleepers, consumer) then return 1 end
  if redis.call('EXISTS', waiting) == 1 then return 2 end
  if redis.call('HEXISTS', roles, 'timekeeper') == 0 then return 3 end
  if redis.call('LLEN', processing) > tonumber(holds) then return 3 end
  if knownDue == 'none' and redis.call('EXISTS', delayed) == 1 then return 3 end
  if tonumber(knownDue) and redis.call('ZCOUNT', delayed, '-inf', '(' .. knownDue) > 0 then return 3 end
  return isWatcher(consumer) and 4 or 0
end

local function renewOne()
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
    wakeUp(),
    redis.call('EXISTS', unkeyed),
  }
end

local replies = {}
local function add()
  local isDone, reply = pcall(renewOne)
  if not isDone and type(reply) ~= 'table' then reply = { err = tostring(reply) } end
  replies[#replies + 1] = reply
end
add()
for i = FIRST, #ARGV, ${row.size} do
  ${ARGS.join(', ')} = unpack(ARGV, i, i + ${ARGS.length - 1})
  local from = #replies * ${KEYS.length}
  ${KEYS.join(', ')} = unpack(KEYS, from + 1, from + ${KEYS.length})
  add()
end
return replies
`,
  read: (reply): (RenewReply | 'leaseLost' | Error)[] => readArray(reply).map(readOne),
});

function readOne(reply: unknown): RenewReply | 'leaseLost' | Error {
  if (isReplyError(reply)) return reply;
  if (reply === 0) return 'leaseLost';
  const [now, mayBeMore, late, later, fenced, untold, wakeUp, unkeyed] = readArray(reply);
  return {
    nowMs: readNumber(now),
    mayDropMore: mayBeMore === 1,
    doubtful: [...readLeases(late), ...readLeases(later)],
    fenced: readArray(fenced).map((consumer) => readBuffer(consumer).toString()),
    deadLettersDropped: readNumber(untold),
    wakeUp: WAKE_UPS[readNumber(wakeUp)] ?? 'sleepOn',
    hasUnkeyed: unkeyed === 1,
  };
}

function readLeases(reply: unknown): SeenLease[] {
  const words = readArray(reply).map((word) => readBuffer(word).toString());
  const leases: SeenLease[] = [];
  for (let at = 0; at + 1 < words.length; at += 2)
    leases.push({ consumer: words[at] ?? '', endsAtMs: Number(words[at + 1]) });
  return leases;
}
