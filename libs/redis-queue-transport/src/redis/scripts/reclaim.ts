import { NOW_MS, Script, readNumber } from '../script.js';

/**
 * Takes back what a consumer held whose lease has ended, to the head of the queue and in order.
 *
 * Each delivery's attempt is raised, and it becomes a suspect: its crash count, kept at the very front of the header,
 * is set to 1, or raised when it was the only one held, for then it was running and nothing else was. What a late
 * command took for a consumer that was fenced before was never started, and goes back unchanged.
 *
 * The consumer is remembered as fenced for `fenceMs`, as a blocked or delayed BLMOVE of its may still be executed, and
 * then until somebody has looked once more: nobody may have been there before.
 *
 * Replies how many deliveries went back; -1 when its lease does not end at `seenEndMs`, as it was seen: then it was renewed
 * since. Whether it has ended is for the caller to say, as Redis's clock may have been set.
 */
export const reclaim = new Script({
  action: 'reclaim deliveries',
  keys: ['waiting', 'processing', 'consumers', 'fenced'],
  args: ['consumer', 'seenEndMs', 'fenceMs', 'newId'],
  lua: `
${NOW_MS}
local leaseEnd = redis.call('ZSCORE', consumers, consumer)
if leaseEnd and tonumber(leaseEnd) ~= tonumber(seenEndMs) then return -1 end

local function suspected(element, isAlone, id)
  local rest
  if string.find(element, '\\n', 1, true) then rest = string.match(element, '^{%s*"rq"%s*:%s*1%s*([,}].*)$') end
  if not rest then return '{"rq":1,"crashes":1,"attempt":2,"id":"' .. id .. '"}\\n' .. element end
  local crashes, afterCrashes = string.match(rest, '^,"crashes":(%d+)(.*)$')
  rest = afterCrashes or rest
  local attempt, afterAttempt = string.match(rest, '^,"attempt":(%d+)(.*)$')
  rest = afterAttempt or rest
  crashes = tonumber(crashes or 0)
  if isAlone or crashes == 0 then crashes = crashes + 1 end
  return string.format('{"rq":1,"crashes":%d,"attempt":%d', crashes, tonumber(attempt or 1) + 1) .. rest
end

local held = redis.call('LLEN', processing)
for i = 1, held do
  if leaseEnd then
    local element = redis.call('LINDEX', processing, -1)
    redis.call('LPUSH', waiting, suspected(element, held == 1, newId .. '-' .. i))
    redis.call('RPOP', processing)
  else
    redis.call('LMOVE', processing, waiting, 'RIGHT', 'LEFT')
  end
end

local fencedUntil = redis.call('ZSCORE', fenced, consumer)
if leaseEnd or (held > 0 and not fencedUntil) then
  redis.call('ZREM', consumers, consumer)
  redis.call('ZADD', fenced, now + fenceMs, consumer)
elseif fencedUntil and tonumber(fencedUntil) < now then
  redis.call('ZREM', fenced, consumer)
end
return held
`,
  read: readNumber,
});
