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
 * What waits, as the Lua function `waitingSeen()`: { how many are in `waiting`, the beginning of the first one, then each
 * other priority in use and how many it has }.
 *
 * No command reads a part of an element, so a giant at the head would take Redis a second. Sampling the first node of
 * the list costs nothing: MEMORY USAGE multiplies its size by the number of nodes, of which there are at most as many
 * as elements. So the result, divided by the elements, is never more than what the first node takes, and not much less.
 */
export const WAITING_SEEN = new SharedLua(
  `
local function waitingSeen()
  local length = redis.call('LLEN', waiting)
  local head = ''
  if length > 0 then
    local sampled = redis.call('MEMORY', 'USAGE', waiting, 'SAMPLES', 1)
    if sampled <= ${SURELY_SMALL_BYTES} or sampled / length <= ${SMALL_FOR_ONE_BYTES} then
      head = string.sub(redis.call('LINDEX', waiting, 0), 1, ${HEAD_BYTES})
    end
  end
  local seen = { length, head }
  for level, count in pairs((countLevels(levels))) do
    seen[#seen + 1] = level
    seen[#seen + 1] = count
  end
  return seen
end
`,
  ['waiting', 'levels'],
  [COUNT_LEVELS],
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
