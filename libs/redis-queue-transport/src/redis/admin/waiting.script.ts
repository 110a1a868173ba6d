import { orderOfWaiting } from '../../core/admin/order-of-waiting.js';
import type { PartOfList } from '../../core/admin/order-of-waiting.js';
import { COUNT_LEVELS } from '../lua/levels-lua.js';
import { Script, readArray, readBuffer, readNumber } from '../script/script.js';
import { SharedLua } from '../script/shared-lua.js';

/** Long enough for any header that people write. */
const HEAD_BYTES = 4_096;
/** The first element is read if the list, judged by its first node, takes less than this. */
const SURELY_SMALL_BYTES = 1_048_576;
/** Or if that is less than this for each element, since a node holds up to some dozens of small elements. */
const SMALL_FOR_ONE_BYTES = 32_768;

/** What waits, without reading through it. */
export interface WaitingSeen {
  /** The beginning of the first element in `waiting`. Empty for an empty list and for an element that is too large to read. */
  readonly head: Buffer;
  readonly parts: readonly PartOfList[];
}

/**
 * The beginning of the first element of a list that is not empty, as the Lua function `headOf(list, length)`, and how long
 * that element is; empty text and 0 for one that is too large to read.
 *
 * No command reads a part of an element, so a giant at the head would take Redis a second. Sampling the first node of
 * the list costs nothing: MEMORY USAGE multiplies its size by the number of nodes, of which there are at most as many
 * as elements. So the result, divided by the elements, is never more than what the first node takes, and not much less.
 */
export const HEAD_OF = new SharedLua(
  `
local function headOf(list, length)
  -- MEMORY is only checked with the name of a key, and permissions for these lists are the same.
  local waiting = list
  local sampled = redis.call('MEMORY', 'USAGE', waiting, 'SAMPLES', 1)
  if sampled > ${SURELY_SMALL_BYTES} and sampled / length > ${SMALL_FOR_ONE_BYTES} then return '', 0 end
  local first = redis.call('LINDEX', list, 0)
  return string.sub(first, 1, ${HEAD_BYTES}), #first
end
`,
  ['waiting'],
);

/**
 * What waits, as the Lua function `waitingSeen()`: { how many are in `waiting`, the beginning of the first one, then each
 * other priority in use and how many it has }.
 */
export const WAITING_SEEN = new SharedLua(
  `
local function waitingSeen()
  local length = redis.call('LLEN', waiting)
  local head = length > 0 and headOf(waiting, length) or ''
  local seen = { length, head }
  for level, count in pairs((countLevels(levels))) do
    seen[#seen + 1] = level
    seen[#seen + 1] = count
  end
  return seen
end
`,
  ['waiting', 'levels'],
  [COUNT_LEVELS, HEAD_OF],
);

export function readWaitingSeen(reply: unknown): WaitingSeen {
  const [length, head, ...rest] = readArray(reply);
  const levels = new Map<number, number>();
  for (let at = 0; at + 1 < rest.length; at += 2)
    levels.set(readNumber(rest[at]), readNumber(rest[at + 1]));
  const first = readBuffer(head);
  return { head: first, parts: orderOfWaiting(levels, readNumber(length), first) };
}

/** Looks at what consumers may take now. Replies with what `waitingSeen` returns. */
export const seeWaiting = new Script({
  action: 'see what waits',
  keys: ['waiting', 'levels'],
  args: [],
  readsOnly: true,
  shared: [WAITING_SEEN],
  lua: `return waitingSeen()`,
  read: readWaitingSeen,
});
