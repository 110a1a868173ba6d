import type { RowsOf } from '../script/script.js';
import { LARGE_BYTES, Script } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';
import { DELAY, RELEASE_DUE } from '../lua/delayed-lua.js';
import { TAKE_BY_LEVEL } from '../lua/levels-lua.js';
import { END_RESTS, END_STAY, END_USUAL_STAYS } from '../lua/lanes-lua.js';
import { PUT_BACK } from '../lua/moving-lua.js';
import { FORGET_ENDED } from '../lua/ids-lua.js';
import { LIMIT, SLOWED, SLOWED_NEWS } from '../lua/limit-lua.js';
import { UNPARK, DROP_DEAD } from '../lua/parking-lua.js';
import { KEYS_NEWS, TELL_KEEPER } from '../lua/roles-lua.js';
import { CUT, FIRST_TAKEN, SUSPECTS, readExchange } from './exchange-reply.js';

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

/**
 * Settles, releases due messages, lets keys go on that have rested, and takes, for a consumer that still has its lease:
 * at most `take`. The consumer has `room` for at least as many, and may take the others by other means.
 *
 * In front of the rows come the `keys` of those that `oldestDone` counts, and then `acks` elements that are done and have no
 * key. The detail of a row is the replacement of a dead letter or a retry (whose kind is the pause in ms, with a minus if
 * its key is to rest as long, with a plus if nothing of the queue is to be taken for as long), why a message is skipped,
 * the id to remember with an ack, or nothing for an element that is released, done with a key, or done with its body
 * parked. The rows are walked backwards, so that those that go back to the head keep their order.
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
 * the others. Nothing of a queue that was slowed down is taken, even by consumers without a limit.
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
    'unkeyed',
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
    'keys',
    'acks',
  ],
  usual: {
    deadLetterLimit: '',
    onceMs: '',
    trial: 'claimIfEmpty',
    time: '',
    knownDue: '',
    readsLarge: 0,
    room: '',
    limit: '',
    takesFrom: 'LEFT',
    keys: 0,
    acks: 0,
  },
  rows: ['kind', 'element', 'detail'],
  // Functions are made only where a call needs them: docs/decisions/0029.
  lua: (row, functions) => `
if not redis.call('ZSCORE', consumers, consumer) then return 0 end
oldestDone = tonumber(oldestDone)
if oldestDone > 0 then
  if redis.call('LLEN', processing) ~= tonumber(held) then return -1 end
  local last = redis.call('LINDEX', processing, oldestDone - 1)
  if string.sub(last, 1, #lastDone) ~= lastDone then return -1 end
  -- A key of another type must refuse it before anything is changed.
  if keys ~= '0' then
    redis.call('HLEN', lanes)
    redis.call('HLEN', terms)
    redis.call('HLEN', levels)
    redis.call('LLEN', waiting)
  end
  redis.call('LTRIM', processing, oldestDone, -1)
end

local missing = 0
local first = FIRST + keys
local others = first + acks
for i = first, others - 1 do
  missing = missing + 1 - redis.call('LREM', processing, 1, ARGV[i])
end
if keys ~= '0' and tonumber(keys) <= ${MOST_ARGUMENTS} then
  ${functions(END_USUAL_STAYS)}
  if endUsualStays({ unpack(ARGV, FIRST, first - 1) }) then keys = '0' end
end
if keys ~= '0' or others <= #ARGV then
  ${functions(NOW_MS, DELAY, PUT_BACK, FORGET_ENDED, UNPARK, DROP_DEAD, END_STAY)}
  for i = FIRST, FIRST + keys - 1 do
    local out = outOf(ARGV[i])
    if out then endStay(ARGV[i], out) end
  end
  local now, slowMs = nowMs(), 0
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
        -- A plus.
        if string.byte(kind) == 43 then slowMs = math.max(slowMs, kind) end
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
  if firstRest(resting) then tellKeeper(roles, wake, firstRest(resting)) end
  if slowMs > 0 then
    if redis.call('PTTL', slowed) < slowMs then redis.call('SET', slowed, slowMs, 'PX', slowMs) end
    redis.call('PUBLISH', wake, '${SLOWED_NEWS}')
  end
end

local holds = oldestDone > 0 and held - oldestDone or redis.call('LLEN', processing)
local reply = { holds, missing, 0, 0, -1, 0, '', ${CUT.no}, 0, 0 }
local most, taken, tellLimit = tonumber(take), 0, nil
-- One command for what is rarely there.
local found = redis.call('EXISTS', paused, suspects, slowed, levels, resting, delayed)
if found == 1 and knownDue ~= '' and redis.call('ZCARD', delayed) > 0 then
  local time = redis.call('TIME')
  local inMs = math.ceil(knownDue - time[1] * 1000 - math.floor(time[2] / 1000))
  if inMs > 0 and redis.call('ZCOUNT', delayed, '-inf', '(' .. knownDue) == 0 then
    -- That message is still the next one, and nothing is due.
    found = 0
    reply[5], reply[7] = inMs, knownDue
  end
end
if found > 0 or time ~= '' or limit ~= '' or trial ~= 'claimIfEmpty' and trial ~= '' then
  ${functions(NOW_MS, RELEASE_DUE, TAKE_BY_LEVEL, END_RESTS, TELL_KEEPER, SLOWED, LIMIT)}
  if room == '' then room = take end
  local hasDelayed = redis.call('EXISTS', delayed)
  local isRare = found > hasDelayed
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
  most = math.min(most, mayTakeNow)
  local nextDue, dueIn, isDueLarge = false, -1, 0
  if hasDelayed == 1 then nextDue, dueIn, isDueLarge = releaseDue(nowMs(), isStill) end
  if isRare and redis.call('EXISTS', resting) == 1 or firstRest(resting) then
    -- Asked anew, since some may have begun meanwhile.
    local restsIn = endRests(nowMs(), isStill)
    if restsIn >= 0 and (dueIn < 0 or restsIn < dueIn) then dueIn = restsIn end
    if firstRest(resting) then tellKeeper(roles, wake, firstRest(resting)) end
  end
  reply[4], reply[5], reply[7], reply[9] = isPaused, dueIn, nextDue or '', isDueLarge

  local isHeldBack = slowedMs > 0
  if isHeldBack or limit ~= '' then
    tellLimit = function()
      if limit ~= '' then countTaken(taken) end
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
    end
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
  local isOnTrial = false
  if isRare or trial ~= 'claimIfEmpty' and trial ~= '' then
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
    end
    if tried == consumer and (trial == 'yield' or trial == 'next' and not suspect and not isHeldBack) then
      redis.call('HDEL', roles, 'trial')
      tried = false
      if redis.call('EXISTS', suspects) == 1 then redis.call('PUBLISH', wake, '')
      elseif redis.call('EXISTS', unkeyed) == 1 then redis.call('PUBLISH', wake, '${KEYS_NEWS}') end
    end
    reply[3] = tried == consumer and ${SUSPECTS.mine} or redis.call('EXISTS', suspects) == 0 and ${SUSPECTS.none}
      or tried and ${SUSPECTS.others} or ${SUSPECTS.free}
    if suspect then
      reply[${FIRST_TAKEN}] = suspect
      taken = 1
    end
    isOnTrial = tried == consumer
  end
  isLevelled = isLevelled or isRare and redis.call('EXISTS', levels) == 1
  if isOnTrial then
    most = 0
  elseif isLevelled and isStill == 0 then
    local wasEmpty = redis.call('EXISTS', waiting) == 0
    local cut
    if most > 0 then taken, cut = takeByLevel(most, reply, ${FIRST_TAKEN}, ${MOST_TAKEN_BYTES})
    elseif mayTakeNow > 0 then lead() end
    -- Others may be blocked while messages are in lists that they do not wait for.
    if fillUp() and wasEmpty then redis.call('PUBLISH', wake, '') end
    if cut then reply[8] = cut == 'full' and ${CUT.full} or ${CUT.large} end
    most = 0
  end
end

local many = most > 1 and redis.call('LLEN', waiting) or 0
if most == 1 then
  local element = redis.call('LMOVE', waiting, processing, takesFrom, 'RIGHT')
  if element then
    reply[${FIRST_TAKEN}] = element
    taken = 1
  end
elseif many > 0 then
  local size = redis.call('MEMORY', 'USAGE', waiting, 'SAMPLES', ${SAMPLES})
  local mean = size / many
  if mean > ${LARGE_BYTES} and readsLarge == '0' then
    reply[8] = ${CUT.large}
    most = 0
  end
  most = math.min(most, many)
  local bytes = 0
  -- How large the last ones are cannot be known, so they are taken one by one.
  while takesFrom == 'RIGHT' and taken < most and bytes < ${MOST_TAKEN_BYTES} do
    local element = redis.call('LMOVE', waiting, processing, 'RIGHT', 'RIGHT')
    reply[${FIRST_TAKEN} + taken] = element
    taken = taken + 1
    bytes = bytes + #element
  end
  local moved = taken
  -- Each node has an element at least, so the sampled ones hold all that the longest step reads.
  local step = size <= ${MOST_TAKEN_BYTES} and ${LONGEST_STEP} or 1
  while taken < most and bytes < ${MOST_TAKEN_BYTES} do
    local some = redis.call('LRANGE', waiting, taken, math.min(most, taken + step) - 1)
    for i = 1, #some do
      reply[${FIRST_TAKEN} + taken] = some[i]
      taken = taken + 1
      bytes = bytes + #some[i]
    end
    local ofThose = (bytes + 1) / taken
    step = math.min(${LONGEST_STEP}, math.max(${BLIND_STEP}, math.floor(${LONGEST_STEP} * 2 * ofThose / mean)))
    step = math.max(1, math.min(step, math.floor((${MOST_TAKEN_BYTES} - bytes) / ofThose)))
  end
  if bytes >= ${MOST_TAKEN_BYTES} then reply[8] = ${CUT.full} end
  for from = moved, taken - 1, ${MOST_ARGUMENTS} do
    local to = math.min(taken, from + ${MOST_ARGUMENTS}) - 1
    redis.call('RPUSH', processing, unpack(reply, ${FIRST_TAKEN} + from, ${FIRST_TAKEN} + to))
  end
  if taken > moved then redis.call('LTRIM', waiting, taken, -1) end
end
reply[1] = holds + taken
if tellLimit then tellLimit() end
return reply
`,
  read: readExchange,
});

export type SettlementRow = RowsOf<typeof exchange>;
