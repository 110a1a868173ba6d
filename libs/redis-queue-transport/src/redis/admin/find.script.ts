import { Script, readArray, readBuffer, readNumber } from '../script/script.js';
import { READ_IN_STEPS } from '../lua/steps-lua.js';

/** What one call found. */
export interface Looked {
  /** How many elements it looked at. */
  readonly seen: number;
  /** It reached the end. */
  readonly isEnd: boolean;
  /** The elements with the text in their first line. */
  readonly found: readonly Buffer[];
}

/** Most elements that one call looks at. */
const MOST_SEEN = 500;

/**
 * Calls the function `read(from, to)` of the script, which reads elements by their positions, counted from the end,
 * from 0.
 */
const LOOK_THROUGH = `
local found = {}
local seen, isEnd = readInSteps(${MOST_SEEN}, function(seen, count)
  return read(passed + seen, passed + seen + count - 1)
end, function(element)
  local at = string.find(element, text, 1, true)
  if at and (string.find(element, '\\n', 1, true) or 0) > at then found[#found + 1] = element end
  return #element
end)
return { seen, isEnd and 1 or 0, found }
`;

function readLooked(reply: unknown): Looked {
  const [seen, isEnd, found] = readArray(reply);
  return {
    seen: readNumber(seen),
    isEnd: isEnd === 1,
    found: readArray(found).map(readBuffer),
  };
}

/**
 * Searches the headers of a list's elements, or of a part of them, for a text. It goes from the tail towards the head
 * and passes over the first `passed` elements, so that it misses none if elements are taken or added meanwhile. Replies
 * with { how many it looked at, 1 if it reached the end, { the elements with the text … } }.
 */
export const findInList = new Script({
  action: 'look for a message',
  keys: ['list'],
  args: ['text', 'passed'],
  shared: [READ_IN_STEPS],
  lua: `
local function read(from, to) return redis.call('LRANGE', list, -1 - to, -1 - from) end
${LOOK_THROUGH}`,
  read: readLooked,
});

/** The same for delayed messages, beginning with the one that is due last. */
export const findDelayed = new Script({
  action: 'look for a message',
  keys: ['delayed'],
  args: ['text', 'passed'],
  shared: [READ_IN_STEPS],
  lua: `
local function read(from, to) return redis.call('ZRANGE', delayed, -1 - to, -1 - from) end
${LOOK_THROUGH}`,
  read: readLooked,
});
