import { Script, readArray, readNumber } from '../script/script.js';
import type { RowsOf } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';
import { DELAY } from '../lua/delayed-lua.js';
import { ENTER } from '../lua/lanes-lua.js';
import { FORGET_ENDED } from '../lua/ids-lua.js';
import { LENGTH } from '../lua/length-lua.js';
import { TELL_READER } from '../lua/roles-lua.js';
import { KEYED } from '../lua/unkeyed-lua.js';
import { readBound } from './length.script.js';

/** What became of a message: added, or not since its id was there, as many wait as may, or Redis refused it. */
export type Held = 'added' | 'duplicate' | 'full' | { readonly error: string };

/** What became of messages, and how long their queue is now. */
export interface HoldReply {
  /** In the order in which they were given. */
  readonly messages: readonly Held[];
  readonly length: number;
  /** The bound of the queue. Without one, the length is not counted. */
  readonly maxLength: number | undefined;
  /** Its messages wait until their keys were read. */
  readonly isKeyed: boolean;
}

/**
 * Adds messages that have a key, a priority or terms of their own, or whose queue may have a bound or read keys from
 * data. Each row has the element, the Redis time in ms at which it is due or 0, its id, the window in ms within which the
 * id is taken once or 0, and the name under which its body has just been parked or nothing. Unlike most scripts it is
 * refused while Redis is full: it takes messages in.
 *
 * The consumer that keeps the time is told of a delayed message that is due before all others, and of a key that may go on
 * before all others.
 *
 * Replies with { the bound or 0, how many messages it counts, 1 if keys are read from data, and for each message: 1 if it
 * was added, 0 if its id was there, 2 if the queue is full, or the text of Redis's error }. A refused message leaves
 * nothing behind, and does not affect the others.
 */
export const hold = new Script({
  action: 'hold a message',
  growsData: true,
  keys: [
    'waiting',
    'levels',
    'suspects',
    'delayed',
    'ids',
    'parked',
    'counts',
    'roles',
    'lanes',
    'terms',
    'resting',
    'unkeyed',
  ],
  args: ['wake'],
  rows: ['element', 'dueMs', 'id', 'windowMs', 'name'],
  shared: [NOW_MS, FORGET_ENDED],
  // Functions are made only where a call needs them: docs/decisions/0029.
  lua: (row, functions) => `
local now = nowMs()

forgetEnded(ids, now)
-- Read before anything is added: a key of another type must refuse all of the messages, not only the later ones.
local wasEmpty = redis.call('LLEN', waiting) == 0
redis.call('HLEN', levels)
redis.call('HLEN', parked)
redis.call('HLEN', counts)
redis.call('ZCARD', delayed)
redis.call('HLEN', lanes)
local most, keyed = unpack(redis.call('HMGET', terms, 'maxLength', '${KEYED}'))
local bound = tonumber(most or '')
local areUsual = not keyed
for i = FIRST, #ARGV, ${row.size} do
  -- These bytes tell a message that waits from now on, and has neither a key nor a priority.
  areUsual = areUsual and ARGV[i + 1] == '0' and string.byte(ARGV[i], 10) == 105
end
local queue = not (areUsual and not bound) and {
  waiting = waiting, levels = levels, lanes = lanes, terms = terms, resting = resting, unkeyed = unkeyed,
  suspects = suspects, delayed = delayed, roles = roles, wake = wake, isKeyed = keyed and true or false,
}
local length = 0
if bound then
  ${functions(LENGTH)}
  length = lengthOf(queue)
end
local addLater, enterItsPlace, tell
if not areUsual then
  ${functions(DELAY, ENTER, TELL_READER)}
  addLater, enterItsPlace = delay, enterOrRefuse
  tell = function()
    tellDue()
    if firstRest(resting) then tellKeeper(roles, wake, firstRest(resting)) end
    tellReader(queue)
  end
end
local reply = { bound or 0, 0, keyed and 1 or 0 }
local isOutOfSight = false
${row.each}
  local due, window = tonumber(dueMs), tonumber(windowMs)
  local takenUntil = window > 0 and redis.call('ZSCORE', ids, id)
  local isKnown = takenUntil and tonumber(takenUntil) > now
  local isNew = not isKnown and not (bound and length >= bound)
  local refusal
  if isNew and due > now then
    addLater(due, element)
  elseif isNew and not keyed and string.byte(element, 10) == 105 then
    redis.call('RPUSH', waiting, element)
  elseif isNew then
    local isInLevel
    refusal, isInLevel = enterItsPlace(queue, element)
    if isInLevel and wasEmpty then isOutOfSight = true end
    isNew = not refusal
  end
  if isNew then length = length + 1 end
  if name ~= '' then
    if isNew then redis.call('HINCRBY', counts, 'parkedEver', 1) else redis.call('HDEL', parked, name) end
  end
  -- Only once the message is held: if a command failed before, the next try must not be taken for a duplicate.
  if isNew and window > 0 then
    redis.call('ZADD', ids, now + window, id)
    if redis.call('PTTL', ids) < window then redis.call('PEXPIRE', ids, window) end
  end
  reply[#reply + 1] = refusal or isNew and 1 or isKnown and 0 or 2
end
reply[2] = length
if tell then tell() end
if isOutOfSight then redis.call('PUBLISH', wake, '') end
return reply
`,
  read: (reply): HoldReply => {
    const [bound, length, isKeyed, ...messages] = readArray(reply);
    return {
      messages: messages.map(readHeld),
      length: readNumber(length),
      maxLength: readBound(bound),
      isKeyed: isKeyed === 1,
    };
  },
});

function readHeld(answer: unknown): Held {
  return typeof answer === 'number' ? (ANSWERS[answer] ?? 'added') : { error: String(answer) };
}

const ANSWERS = ['duplicate', 'added', 'full'] as const;

export type HoldRow = RowsOf<typeof hold>;
