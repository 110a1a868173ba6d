import { Script, readArray, readBuffer, readNumber } from '../script/script.js';

/** A part of what is looked through. */
export interface Looked {
  /** How many were looked at. */
  readonly seen: number;
  /** There is nothing behind them. */
  readonly isEnd: boolean;
  /** Those that have the text within their first line. */
  readonly found: readonly Buffer[];
}

/** So much is looked at with one call. */
const MOST_SEEN = 500;
const MOST_BYTES = 1_048_576;
/** Most elements that are read at once, since the size of the next ones is unknown. */
const LARGEST_STEP = 8;
/** About so many bytes are read at once where elements are large. */
const STEP_BYTES = 262_144;

/** `read(from, to)` is how elements are read, both counted from the end, from 0 on. */
const LOOK_THROUGH = `
local step = 1
local seen, bytes, isEnd = 0, 0, 0
local reply = { 0, 0 }
while seen < ${MOST_SEEN} and bytes < ${MOST_BYTES} and isEnd == 0 do
  local first = passed + seen
  local elements = read(first, first + step - 1)
  local size = 0
  for _, element in ipairs(elements) do
    size = size + #element
    local at = string.find(element, text, 1, true)
    if at and (string.find(element, '\\n', 1, true) or 0) > at then reply[#reply + 1] = element end
  end
  seen = seen + #elements
  bytes = bytes + size
  if #elements < step then isEnd = 1 end
  step = math.max(1, math.min(step * 2, ${LARGEST_STEP}, math.floor(${STEP_BYTES} * #elements / math.max(1, size))))
end
reply[1], reply[2] = seen, isEnd
return reply
`;

function readLooked(reply: unknown): Looked {
  const [seen, isEnd, ...found] = readArray(reply);
  return {
    seen: readNumber(seen),
    isEnd: isEnd === 1,
    found: found.map(readBuffer),
  };
}

/**
 * Looks for a text in the headers of a list's elements, or of a part of them: from the tail on, beyond `passed` of them,
 * so that nothing is missed when some are taken or added meanwhile. Reads one, and then more at once for as long as they
 * are small. Replies { how many it has looked at, 1 when it has seen all, those that have it … }.
 */
export const findInList = new Script({
  action: 'look for a message',
  keys: ['list'],
  args: ['text', 'passed'],
  lua: `
local function read(from, to) return redis.call('LRANGE', list, -1 - to, -1 - from) end
${LOOK_THROUGH}`,
  read: readLooked,
});

/** The same among delayed messages, from the one that is due last on. */
export const findDelayed = new Script({
  action: 'look for a message',
  keys: ['delayed'],
  args: ['text', 'passed'],
  lua: `
local function read(from, to) return redis.call('ZRANGE', delayed, -1 - to, -1 - from) end
${LOOK_THROUGH}`,
  read: readLooked,
});
