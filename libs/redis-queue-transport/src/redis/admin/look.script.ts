import { Script, readArray, readBuffer, readNumber, readTexts } from '../script/script.js';
import { NOW_MS } from '../script/clock-lua.js';
import { boundIn } from '../../core/broker/bound.js';
import { IN_LANES } from '../script/lanes-lua.js';
import { countIn } from '../lanes/keys-in-use.js';

/** Long enough for any header that people write. */
const HEAD_BYTES = 4_096;
/** The first element is read if the list, judged by its first node, takes less than this. */
const SURELY_SMALL_BYTES = 1_048_576;
/** Or if that is less than this for each element, since a node holds up to some dozens of small elements. */
const SMALL_FOR_ONE_BYTES = 32_768;
/** Most consumers named at once. */
export const MOST_NAMES = 1_000;

export interface Look {
  readonly waiting: number;
  readonly inLanes: number;
  readonly suspects: number;
  readonly delayed: number;
  readonly dead: number;
  readonly isPaused: boolean;
  readonly expired: number;
  readonly repeated: number;
  readonly deadLettersDropped: number;
  readonly copiesDropped: number;
  readonly maxLength: number | undefined;
  readonly consumers: number;
  /** Those whose leases end first, up to {@link MOST_NAMES}. */
  readonly names: readonly string[];
  /** The beginning of the element that is handed out next; empty if there is none, or if it is too large to be read. */
  readonly head: Buffer;
  readonly nowMs: number;
}

/**
 * Looks at one queue without reading through it. Replies with { how many wait, how many of them are suspects, how many
 * are delayed, how many dead letters there are, 1 if it is paused, the beginning of the first waiting element, Redis's
 * time in ms, how many consumers it has, some of their names, { messages that expired, were repeated, dropped dead
 * letters, dropped copies }, the bound or text that is no number, how many are in lanes }.
 *
 * No command reads a part of an element, so a giant at the head would take Redis a second. Sampling the first node of
 * the list costs nothing: MEMORY USAGE multiplies its size by the number of nodes, of which there are at most as many
 * as elements. So the result, divided by the elements, is never more than what the first node takes, and not much less.
 */
export const look = new Script({
  action: 'look at a queue',
  keys: [
    'waiting',
    'suspects',
    'delayed',
    'dead',
    'paused',
    'counts',
    'consumers',
    'terms',
    'lanes',
  ],
  args: [],
  readsOnly: true,
  shared: [NOW_MS],
  lua: `
local now = nowMs()
local length = redis.call('LLEN', waiting)
local head = ''
if length > 0 then
  local sampled = redis.call('MEMORY', 'USAGE', waiting, 'SAMPLES', 1)
  if sampled <= ${SURELY_SMALL_BYTES} or sampled / length <= ${SMALL_FOR_ONE_BYTES} then
    head = string.sub(redis.call('LINDEX', waiting, 0), 1, ${HEAD_BYTES})
  end
end
return {
  length,
  redis.call('LLEN', suspects),
  redis.call('ZCARD', delayed),
  redis.call('XLEN', dead),
  redis.call('EXISTS', paused),
  head,
  now,
  redis.call('ZCARD', consumers),
  redis.call('ZRANGE', consumers, 0, ${MOST_NAMES - 1}),
  redis.call('HMGET', counts, 'expired', 'repeated', 'deadLettersDropped', 'copiesDropped'),
  redis.call('HMGET', terms, 'maxLength')[1] or '',
  redis.call('HGET', lanes, '${IN_LANES}') or '',
}
`,
  read: (reply): Look => {
    const [waiting, suspects, delayed, dead, isPaused, head, nowMs, ...rest] = readArray(reply);
    const [consumers, names, counts, bound, inLanes] = rest;
    const [expired, repeated, deadLettersDropped, copiesDropped] = readArray(counts).map((count) =>
      Number(count),
    );
    return {
      waiting: readNumber(waiting),
      inLanes: countIn(readBuffer(inLanes).toString()),
      suspects: readNumber(suspects),
      delayed: readNumber(delayed),
      dead: readNumber(dead),
      isPaused: isPaused === 1,
      expired: expired ?? 0,
      repeated: repeated ?? 0,
      deadLettersDropped: deadLettersDropped ?? 0,
      copiesDropped: copiesDropped ?? 0,
      maxLength: boundIn(String(bound)),
      consumers: readNumber(consumers),
      names: readTexts(names),
      head: readBuffer(head),
      nowMs: readNumber(nowMs),
    };
  },
});
