import { Script, readArray, readBuffer, readNumber } from '../script/script.js';

/** Dead letters that one call passed over. */
export interface PassedOver {
  readonly seen: number;
  /** The last of them; empty without one. */
  readonly last: string;
  /** There were fewer than it was to pass over. */
  readonly isEnd: boolean;
}

/** So many are passed over with one call. */
const MOST_SEEN = 1_000;
const MOST_BYTES = 1_048_576;
/** Most entries that are read at once, since the size of the next ones is unknown. */
const LARGEST_STEP = 16;
/** About so many bytes are read at once where entries are large. */
const STEP_BYTES = 262_144;

/** `read(from, count)` is how entries are read. */
const PASS_OVER = `
local step = 1
local seen, bytes, isEnd = 0, 0, 0
local last = ''
local wanted = math.min(most, ${MOST_SEEN})
while seen < wanted and bytes < ${MOST_BYTES} and isEnd == 0 do
  local count = math.min(step, wanted - seen)
  local entries = read(from, count)
  local size = 0
  for _, entry in ipairs(entries) do size = size + #(entry[2][2] or '') end
  if #entries > 0 then
    last = entries[#entries][1]
    from = '(' .. last
  end
  seen = seen + #entries
  bytes = bytes + size
  if #entries < count then isEnd = 1 end
  step = math.max(1, math.min(step * 2, ${LARGEST_STEP}, math.floor(${STEP_BYTES} * #entries / math.max(1, size))))
end
return { seen, last, isEnd }
`;

function readPassedOver(reply: unknown): PassedOver {
  const [seen, last, isEnd] = readArray(reply);
  return { seen: readNumber(seen), last: readBuffer(last).toString(), isEnd: isEnd === 1 };
}

/**
 * Passes over dead letters from an entry on, oldest first, since streams have no offsets: `most` of them, or a part. Reads
 * one, and then more at once for as long as they are small. Replies { how many, the last of them, 1 when there are
 * no more }.
 */
export const passOverOldest = new Script({
  action: 'list dead letters',
  keys: ['dead'],
  args: ['from', 'most'],
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
  lua: `
local function read(first, count) return redis.call('XREVRANGE', dead, first, '-', 'COUNT', count) end
${PASS_OVER}`,
  read: readPassedOver,
});
