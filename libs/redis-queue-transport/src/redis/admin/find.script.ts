import { Script, readArray, readBuffer, readNumber } from '../script/script.js';
import { READ_IN_STEPS } from '../script/steps-lua.js';

/** A part of what is looked through. */
export interface Looked {
  /** How many were looked at. */
  readonly seen: number;
  /** There is nothing behind them. */
  readonly isEnd: boolean;
  /** Those that have the text within their first line. */
  readonly found: readonly Buffer[];
}

/** So many are looked at with one call. */
const MOST_SEEN = 500;

/** `read(from, to)` is how elements are read, both counted from the end, from 0 on. */
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
 * Looks for a text in the headers of a list's elements, or of a part of them: from the tail on, beyond `passed` of them,
 * so that nothing is missed when some are taken or added meanwhile. Replies { how many it has looked at, 1 when it has
 * seen all, { those that have it … } }.
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

/** The same among delayed messages, from the one that is due last on. */
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
