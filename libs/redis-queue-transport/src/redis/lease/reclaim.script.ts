import { Script, readArray, readNumber } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';
import { PUT_BACK, MOST_RETURNED, MOST_RETURNED_BYTES } from '../lua/moving-lua.js';
import { END_ROLES } from '../lua/roles-lua.js';
import { END_SLEEP } from '../lua/sleepers-lua.js';

const MOST_COUNTED = 1_000_000;

/**
 * Takes back what a consumer with an ended lease held.
 *
 * Each delivery was running, or about to: its attempt is raised, and it becomes a suspect, in front of the suspects
 * that are there and in order. Its crash count, kept at the very front of the header, is 1. Of those that were suspects
 * before, the one that was begun last is counted once more and comes first again, since nothing else was begun beside
 * it; older ones, which had run for longer than a crash usually takes, go behind all others.
 *
 * Elements that a late command took for a consumer that was already fenced were never started, and go back unchanged to
 * where they came from.
 *
 * The consumer stays fenced for `fenceMs`, since Redis may still execute a BLMOVE of it that is blocked or delayed.
 * After that, it stays fenced until somebody has looked once more: perhaps nobody was there to look before.
 *
 * A consumer that held much is taken from in several calls, the newest first; `isLastFound` 1 says that a call before
 * found the suspect that was begun last.
 *
 * Replies with { how many deliveries went back, how many are left, 1 if that suspect has been found }; -1 if its lease
 * does not end at `seenEndMs`, so has been renewed since the caller looked. The caller decides whether a lease has
 * ended, since Redis's clock may have been set.
 */
export const reclaim = new Script({
  action: 'reclaim deliveries',
  keys: ['waiting', 'levels', 'suspects', 'processing', 'consumers', 'fenced', 'roles', 'sleepers'],
  args: ['consumer', 'seenEndMs', 'fenceMs', 'newId', 'wake', 'isLastFound', 'takesFrom'],
  shared: [NOW_MS, PUT_BACK, END_ROLES, END_SLEEP],
  lua: `
local now = nowMs()

local leaseEnd = redis.call('ZSCORE', consumers, consumer)
if leaseEnd and tonumber(leaseEnd) ~= tonumber(seenEndMs) then return -1 end

-- A number that somebody else wrote may be too large to be raised.
local function countOf(digits, default) return math.min(tonumber(digits or default), ${MOST_COUNTED}) end

-- Returns its counts, and where the rest begins; nothing for an element without a header.
local function countsOf(element)
  local front = string.sub(element, 1, 128)
  local at = string.match(front, '^{%s*"rq"%s*:%s*1%s*()[,}]')
  if not at or not string.find(element, '\\n', 1, true) then return end
  local crashes, afterCrashes = string.match(front, '^,"crashes":(%d+)()', at)
  local attempt, afterAttempt = string.match(front, '^,"attempt":(%d+)()', afterCrashes or at)
  return countOf(crashes, 0), countOf(attempt, 1), afterAttempt or afterCrashes or at
end

-- Whether one that was a suspect before has been found: the last of them was begun last.
local isFound = isLastFound == '1'
local function suspect(element, newId)
  local crashes, attempt, restAt = countsOf(element)
  if not restAt then
    redis.call('LPUSH', suspects, '{"rq":1,"crashes":1,"attempt":2,"id":"' .. newId .. '"}\\n' .. element)
    return
  end
  local isOlder = crashes > 0 and isFound
  if not isOlder then
    if crashes > 0 then isFound = true end
    crashes = crashes + 1
  end
  local counted = string.format('{"rq":1,"crashes":%d,"attempt":%d', crashes, attempt + 1)
    .. string.sub(element, restAt)
  redis.call(isOlder and 'RPUSH' or 'LPUSH', suspects, counted)
end

local moved, bytes = 0, 0
while moved < ${MOST_RETURNED} and bytes < ${MOST_RETURNED_BYTES} do
  local element = redis.call('LINDEX', processing, -1)
  if not element then break end
  moved = moved + 1
  bytes = bytes + #element
  if leaseEnd then
    suspect(element, newId .. '-' .. moved)
  else
    putBack(element)
  end
  redis.call('LTRIM', processing, 0, -2)
end
fillUp()
local left = redis.call('LLEN', processing)
if left > 0 then return { moved, left, isFound and 1 or 0 } end

local isMissed = endRoles(consumer, true)
endSleep(consumer)
local fencedUntil = redis.call('ZSCORE', fenced, consumer)
if leaseEnd or (moved > 0 and not fencedUntil) then
  redis.call('ZREM', consumers, consumer)
  redis.call('ZADD', fenced, now + fenceMs, consumer)
elseif fencedUntil and tonumber(fencedUntil) < now then
  redis.call('ZREM', fenced, consumer)
end
if moved > 0 or isMissed then redis.call('PUBLISH', wake, '') end
return { moved, 0, 0 }
`,
  read: (reply): { moved: number; left: number; isLastFound: number } | 'notEnded' => {
    if (reply === -1) return 'notEnded';
    const [moved, left, isLastFound] = readArray(reply).map(readNumber);
    return { moved: moved ?? 0, left: left ?? 0, isLastFound: isLastFound ?? 0 };
  },
});
