import { Script, readArray, readBuffer, readNumber } from '../script/script.js';
import { READ_IN_STEPS } from '../lua/steps-lua.js';

/** The dead letters that one call passed over. */
export interface PassedOver {
  readonly seen: number;
  /** The last of them; empty if there was none. */
  readonly last: string;
  /** There were fewer than asked for. */
  readonly isEnd: boolean;
}

/** Most that one call passes over. */
const MOST_SEEN = 1_000;

/** Calls the function `read(from, count)` of the script, which reads entries. */
const PASS_OVER = `
local last = ''
local seen, isEnd = readInSteps(math.min(most, ${MOST_SEEN}), function(_, count)
  return read(last == '' and from or '(' .. last, count)
end, function(entry)
  last = entry[1]
  return #(entry[2][2] or '')
end)
return { seen, last, isEnd and 1 or 0 }
`;

function readPassedOver(reply: unknown): PassedOver {
  const [seen, last, isEnd] = readArray(reply);
  return { seen: readNumber(seen), last: readBuffer(last).toString(), isEnd: isEnd === 1 };
}

/**
 * Passes over `most` dead letters, or a part of them, from an entry on, oldest first: streams have no offsets. Replies
 * with { how many, the last of them, 1 if there are no more }.
 */
export const passOverOldest = new Script({
  action: 'list dead letters',
  keys: ['dead'],
  args: ['from', 'most'],
  shared: [READ_IN_STEPS],
  lua: `
local function read(first, count) return redis.call('XRANGE', dead, first, '+', 'COUNT', count) end
${PASS_OVER}`,
  read: readPassedOver,
});

/** The same, newest first. */
export const passOverNewest = new Script({
  action: 'list dead letters',
  keys: ['dead'],
  args: ['from', 'most'],
  shared: [READ_IN_STEPS],
  lua: `
local function read(first, count) return redis.call('XREVRANGE', dead, first, '-', 'COUNT', count) end
${PASS_OVER}`,
  read: readPassedOver,
});
