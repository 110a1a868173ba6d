import type { Suspects } from '../../core/broker/lease.js';
import type { Limited } from '../../core/broker/limit.js';
import type { RowsOf } from '../script/script.js';
import { LARGE_BYTES, Script, readArray, readBuffer, readNumber } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';
import { DELAY, RELEASE_DUE } from '../lua/delayed-lua.js';
import { TAKE_BY_LEVEL } from '../lua/levels-lua.js';
import { END_RESTS } from '../lua/lanes-lua.js';
import { PUT_BACK } from '../lua/moving-lua.js';
import { FORGET_ENDED } from '../lua/ids-lua.js';
import { LIMIT, SLOWED, readLimited } from '../lua/limit-lua.js';
import { UNPARK, DROP_DEAD } from '../lua/parking-lua.js';

export interface ExchangeReply {
  /** How many deliveries the processing list holds now. */
  readonly held: number;
  readonly missing: number;
  readonly suspects: Suspects;
  readonly isPaused: boolean;
  readonly dueInMs: number | undefined;
  readonly isTimekeeper: boolean;
  /** When the next delayed message is due, in Redis's form; pass it to the next call. */
  readonly nextDue: string;
  /** More may be waiting: taking it would have been too large. */
  readonly isCut: boolean;
  /** It took nothing, since the first elements are large: they are to be taken by other means. */
  readonly isLargeAhead: boolean;
  /** The first delayed message is due, and too large for a script. */
  readonly isDueLarge: boolean;
  readonly limited: Limited | undefined;
  readonly taken: readonly Buffer[];
}

const MOST_TAKEN_BYTES = 524_288;

/**
 * Most elements that are read at once, since a list does not tell the size of each: this many if those already read are
 * about as large as the mean of the list, and fewer if larger ones may follow.
 */
const LONGEST_STEP = 64;
const BLIND_STEP = 8;

/**
 * How many nodes of a list are sampled for that mean: a node usually has 8 KiB, so all that one call takes is in these.
 */
const SAMPLES = 64;

/** Most values for one command: Lua's stack is limited. */
const MOST_ARGUMENTS = 1_000;

/** What a reply says about elements that were left. */
const CUT = { no: 0, full: 1, large: 2 } as const;

/** Where the taken elements begin in a reply. */
const FIRST_TAKEN = 11;

/** What a reply says about suspects. */
const SUSPECTS = { none: 0, free: 1, mine: 2, others: 3 } as const satisfies Record<
  Suspects,
  number
>;
const STATES: readonly Suspects[] = ['none', 'free', 'mine', 'others'];

/**
 * Settles, releases due messages, lets keys go on that have rested, and takes, for a consumer that still has its lease:
 * at most `take`. The consumer has `room` for at least as many, and may take the others by other means.
 *
 * In front of the rows come the `keys` of those that `oldestDone` counts, and then `acks` elements that are done and have no
 * key. The detail of a row is the replacement of a dead letter or a retry (whose kind is the pause in ms, negative if
 * its key is to rest as long), why a message is skipped, the id to remember with an ack, or nothing for an element that
 * is released, done with a key, or done with its body parked. The rows are walked backwards, so that those that go back
 * to the head keep their order.
 *
 * Suspects are in a list of their own, and one live consumer at a time has the right to run them, its trial. The step
 * `trial`: `claim` the right, granted if nobody has it and there are suspects (or `claimIfEmpty`: only if the consumer
 * holds nothing); `keep` it; take the `next` suspect (if there is none, the right ends); `yield` it. A consumer with
 * the right gets nothing but suspects.
 *
 * The step `time`: `keep` makes the consumer the timekeeper of the queue, unless another live consumer is; `yield` ends
 * that and wakes the others.
 *
 * With `oldestDone` above 0, this many of the oldest of the `held` elements in the list are done, so they need not be
 * sent back. The last of them must begin with `lastDone`: a count alone could also fit a list that has lost some
 * elements and got others, if this call is executed late.
 *
 * It takes from the end `takesFrom` of what waits (a TakingEnd), and puts back what goes to the head there.
 *
 * If messages of several priorities may wait (`levels` exists), it takes by those, else from `waiting` alone. If it takes
 * nothing, but the consumer has room and takes by other means, one of a higher priority goes to the head of `waiting`.
 *
 * With a `limit`, it takes no more than that allows (in the form of LIMIT). If it leaves places free that it had, it wakes
 * the others. With `slowMs`, nothing of the queue is taken for that long, even by consumers without a limit.
 *
 * Replies: 0 if the lease is lost; -1 if the list does not hold these (nothing was done); else { held, missing, the
 * state of suspects (a value of SUSPECTS), 1 if the queue is paused, ms until the next delayed message is due or a key may
 * go on or -1, 1 if it keeps the time, when that message is due or nothing, 1 if it took less than it might because
 * that was large or 2 if it took nothing because that would have been large (unless `readsLarge` is 1), 1 if the first
 * delayed message is due and large, how the queue is limited or 0, taken … }.
 */
export const exchange = new Script({
  action: 'settle and take messages',
  keys: [
    'waiting',
    'levels',
    'suspects',
    'roles',
    'processing',
    'consumers',
    'delayed',
    'dead',
    'counts',
    'handled',
    'paused',
    'parked',
    'lanes',
    'terms',
    'rate',
    'slowed',
    'resting',
  ],
  args: [
    'consumer',
    'take',
    'deadLetterLimit',
    'onceMs',
    'wake',
    'oldestDone',
    'held',
    'lastDone',
    'trial',
    'time',
    'knownDue',
    'readsLarge',
    'room',
    'limit',
    'takesFrom',
    'slowMs',
    'keys',
    'acks',
  ],
  rows: ['kind', 'element', 'detail'],
  shared: [
    NOW_MS,
    DELAY,
    RELEASE_DUE,
    PUT_BACK,
    TAKE_BY_LEVEL,
    FORGET_ENDED,
    UNPARK,
    DROP_DEAD,
    END_RESTS,
    SLOWED,
    LIMIT,
  ],
  lua: (row) => `
if not redis.call('ZSCORE', consumers, consumer) then return 0 end
if tonumber(oldestDone) > 0 then
  if redis.call('LLEN', processing) ~= tonumber(held) then return -1 end
  local last = redis.call('LINDEX', processing, oldestDone - 1)
  if string.sub(last, 1, #lastDone) ~= lastDone then return -1 end
  -- A key of another type must refuse it before anything is changed.
  if keys ~= '0' then redis.call('HLEN', lanes) redis.call('HLEN', terms) end
  redis.call('LTRIM', processing, oldestDone, -1)
  for i = FIRST, FIRST + keys - 1 do
    local out = outOf(ARGV[i])
    if out then endStay(ARGV[i], out) end
  end
end

local missing = 0
local first = FIRST + keys
local others = first + acks
local now = others <= #ARGV and nowMs() or nil
for i = first, others - 1 do
  missing = missing + 1 - redis.call('LREM', processing, 1, ARGV[i])
end
for i = #ARGV - ${row.size - 1}, others, -${row.size} do
  ${row.locals}
  -- Rows begin with the newest element, so most are found at the end; dead letters and what is done, at the beginning.
  local from = (kind == 'deadLetter' or kind == 'done') and 1 or -1
  if not redis.call('LPOS', processing, element, 'RANK', from) then
    missing = missing + 1
  else
    local isGoneForGood = kind ~= 'release' and not tonumber(kind)
    local key = isGoneForGood and keyOf(element)
    local out = outOf(key)
    -- Added before it is removed, so that nothing is lost if a command fails (a key of another type).
    if kind == 'release' then
      putBack(element)
    elseif kind == 'skip' then
      redis.call('HINCRBY', counts, detail, 1)
    elseif kind == 'once' then
      forgetEnded(handled, now)
      redis.call('ZADD', handled, now + onceMs, detail)
      if redis.call('PTTL', handled) < tonumber(onceMs) then redis.call('PEXPIRE', handled, onceMs) end
    elseif kind == 'parked' or kind == 'done' then
      -- It is done; its body is dropped below.
    elseif kind == 'deadLetter' then
      -- Room is made first. If that came last and failed, each further try would add the dead letter again, and push
      -- out others.
      dropDead(math.max(0, deadLetterLimit - 1))
      redis.call('XADD', dead, '*', 'element', detail)
      if tonumber(deadLetterLimit) == 0 then dropDead(0) end
    elseif tonumber(kind) > 0 then
      delay(now + kind, detail)
    elseif tonumber(kind) < 0 then
      delay(now - kind, detail)
      local slowedKey = keyOf(element)
      if slowedKey then rest(lanes, resting, slowedKey, now, now - kind) end
    else
      putBack(detail)
    end
    redis.call('LREM', processing, from, element)
    if out then endStay(key, out) end
    if kind == 'parked' or kind == 'skip' or kind == 'once' then unpark(element) end
  end
end

tellDue()

if slowMs ~= '' then
  if redis.call('PTTL', slowed) < tonumber(slowMs) then redis.call('SET', slowed, slowMs, 'PX', slowMs) end
  redis.call('PUBLISH', wake, '')
end

-- One command for what is rarely there.
local isRare = redis.call('EXISTS', paused, suspects, slowed, levels, resting) > 0
local isPaused = isRare and redis.call('EXISTS', paused) or 0
local slowedMs = isRare and slowedFor() or 0
if slowedMs > 0 then limited = { slowedMs, 0, 1 } end
local isStill = math.max(isPaused, math.min(1, slowedMs))
local mayTakeNow = tonumber(room)
if isStill == 1 then
  mayTakeNow = 0
elseif limit ~= '' and mayTakeNow > 0 and redis.call('EXISTS', waiting, delayed, levels, resting) > 0 then
  mayTakeNow = mayTake(mayTakeNow, 0)
  room = mayTakeNow
end
local nextDue, dueIn, isDueLarge = false, -1, 0
if redis.call('ZCARD', delayed) > 0 then
  nextDue, dueIn, isDueLarge = releaseDue(now or nowMs(), isStill)
end
if isRare and redis.call('EXISTS', resting) == 1 or firstRest(resting) then
  -- Asked anew, since some may have begun meanwhile.
  local restsIn = endRests(nowMs(), isStill)
  if restsIn >= 0 and (dueIn < 0 or restsIn < dueIn) then dueIn = restsIn end
  if firstRest(resting) then tellKeeper(roles, wake, firstRest(resting)) end
end

local holds = tonumber(oldestDone) > 0 and held - oldestDone or redis.call('LLEN', processing)
local reply = { holds, missing, 0, isPaused, dueIn, 0, nextDue or '', ${CUT.no}, isDueLarge, 0 }
local isHeldBack = slowedMs > 0
-- The reply of a call that took this many, with what it tells of limits.
local function told(taken)
  reply[1] = holds + taken
  if limit ~= '' and isStill == 0 then
    -- It is no limit if nothing else waits for it.
    local isAtLimit = isHeldBack or taken == mayTakeNow and redis.call('EXISTS', waiting) == 1
    if not isAtLimit then limited = false end
    local settled = oldestDone + acks + (#ARGV - others + 1) / ${row.size} - missing
    -- It has left places free. Consumers that the rate limits know when to look.
    local isOffered = settled > taken and string.byte(limit) ~= 48 and not (limited and limited[1] > 0)
    if isOffered and redis.call('EXISTS', waiting, suspects) > 0 then redis.call('PUBLISH', wake, '') end
  end
  reply[10] = limited or 0
  return reply
end
if time ~= '' then
  local keeper = redis.call('HGET', roles, 'timekeeper')
  if time == 'yield' then
    if keeper == consumer then
      redis.call('HDEL', roles, 'timekeeper')
      redis.call('PUBLISH', wake, '')
    end
    keeper = nil
  elseif not keeper or keeper ~= consumer and not redis.call('ZSCORE', consumers, keeper) then
    redis.call('HSET', roles, 'timekeeper', consumer)
    keeper = consumer
  end
  if keeper == consumer then reply[6] = 1 end
end
if isRare or trial ~= '' and trial ~= 'claimIfEmpty' then
  local tried = redis.call('HGET', roles, 'trial')
  if tried and tried ~= consumer and not redis.call('ZSCORE', consumers, tried) then tried = false end
  local suspect
  local isClaimed = trial == 'claim' or trial == 'claimIfEmpty' and holds == 0
  if isClaimed and not tried and redis.call('EXISTS', suspects) == 1 then
    redis.call('HSET', roles, 'trial', consumer)
    tried = consumer
  elseif tried == consumer and trial == 'next' and isStill == 0 then
    isHeldBack = limit ~= '' and mayTake(1, 0) == 0
    if not isHeldBack then suspect = redis.call('LMOVE', suspects, processing, 'LEFT', 'RIGHT') end
    if limit ~= '' and suspect then countTaken(1) end
  end
  if tried == consumer and (trial == 'yield' or trial == 'next' and not suspect and not isHeldBack) then
    redis.call('HDEL', roles, 'trial')
    tried = false
    if redis.call('EXISTS', suspects) == 1 then redis.call('PUBLISH', wake, '') end
  end
  reply[3] = tried == consumer and ${SUSPECTS.mine} or redis.call('EXISTS', suspects) == 0 and ${SUSPECTS.none}
    or tried and ${SUSPECTS.others} or ${SUSPECTS.free}
  if suspect then reply[${FIRST_TAKEN}] = suspect end
  if tried == consumer or isPaused == 1 then return told(suspect and 1 or 0) end
end
local most = math.min(take, mayTakeNow)
isLevelled = isLevelled or isRare and redis.call('EXISTS', levels) == 1
if isLevelled and isStill == 0 then
  local wasEmpty = redis.call('EXISTS', waiting) == 0
  local taken, cut = 0, false
  if most > 0 then taken, cut = takeByLevel(most, reply, ${FIRST_TAKEN}, ${MOST_TAKEN_BYTES})
  elseif mayTakeNow > 0 then lead() end
  -- Others may be blocked while messages are in lists that they do not wait for.
  if fillUp() and wasEmpty then redis.call('PUBLISH', wake, '') end
  if cut then reply[8] = cut == 'full' and ${CUT.full} or ${CUT.large} end
  if limit ~= '' then countTaken(taken) end
  return told(taken)
end
if most == 0 then return told(0) end
if most == 1 then
  local element = redis.call('LMOVE', waiting, processing, takesFrom, 'RIGHT')
  if not element then return told(0) end
  reply[${FIRST_TAKEN}] = element
  if limit ~= '' then countTaken(1) end
  return told(1)
end
local many = redis.call('LLEN', waiting)
if many == 0 then return told(0) end
local mean = redis.call('MEMORY', 'USAGE', waiting, 'SAMPLES', ${SAMPLES}) / many
if mean > ${LARGE_BYTES} and readsLarge == '0' then
  reply[8] = ${CUT.large}
  return told(0)
end
most = math.min(most, many)
local elements, taken, bytes, step = {}, 0, 0, 1
-- How large the last ones are cannot be known, so they are taken one by one.
while takesFrom == 'RIGHT' and taken < most and bytes < ${MOST_TAKEN_BYTES} do
  taken = taken + 1
  elements[taken] = redis.call('LMOVE', waiting, processing, 'RIGHT', 'RIGHT')
  bytes = bytes + #elements[taken]
end
local moved = taken
while taken < most and bytes < ${MOST_TAKEN_BYTES} do
  local some = redis.call('LRANGE', waiting, taken, math.min(most, taken + step) - 1)
  for _, element in ipairs(some) do
    taken = taken + 1
    elements[taken] = element
    bytes = bytes + #element
  end
  local ofThose = (bytes + 1) / taken
  step = math.min(${LONGEST_STEP}, math.max(${BLIND_STEP}, math.floor(${LONGEST_STEP} * 2 * ofThose / mean)))
  step = math.max(1, math.min(step, math.floor((${MOST_TAKEN_BYTES} - bytes) / ofThose)))
end
if bytes >= ${MOST_TAKEN_BYTES} then reply[8] = ${CUT.full} end
for from = moved + 1, taken, ${MOST_ARGUMENTS} do
  redis.call('RPUSH', processing, unpack(elements, from, math.min(taken, from + ${MOST_ARGUMENTS} - 1)))
end
if taken > moved then redis.call('LTRIM', waiting, taken, -1) end
for i = 1, taken do reply[${FIRST_TAKEN} - 1 + i] = elements[i] end
if limit ~= '' then countTaken(taken) end
return told(taken)
`,
  read: (reply): ExchangeReply | 'leaseLost' | 'miscounted' => {
    if (reply === 0) return 'leaseLost';
    if (reply === -1) return 'miscounted';
    const [
      held,
      missing,
      suspects,
      paused,
      dueIn,
      timekeeper,
      nextDue,
      cut,
      isDueLarge,
      limit,
      ...taken
    ] = readArray(reply);
    const dueInMs = readNumber(dueIn);
    return {
      held: readNumber(held),
      missing: readNumber(missing),
      suspects: STATES[readNumber(suspects)] ?? 'none',
      isPaused: paused === 1,
      dueInMs: dueInMs < 0 ? undefined : dueInMs,
      isTimekeeper: timekeeper === 1,
      nextDue: readBuffer(nextDue).toString(),
      isCut: cut !== CUT.no,
      isLargeAhead: cut === CUT.large,
      isDueLarge: isDueLarge === 1,
      limited: readLimited(limit),
      taken: taken.map(readBuffer),
    };
  },
});

export type SettlementRow = RowsOf<typeof exchange>;
