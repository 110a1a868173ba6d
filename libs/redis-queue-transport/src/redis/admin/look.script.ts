import { Script, readArray, readNumber } from '../script/script.js';
import { NOW_MS } from '../script/clock-lua.js';

/** So much of an element holds any header that people write. */
const HEAD_BYTES = 4_096;

export interface Look {
  readonly waiting: number;
  readonly suspects: number;
  readonly delayed: number;
  readonly dead: number;
  readonly isPaused: boolean;
  readonly consumers: number;
  /** The beginning of the element that is handed out next; empty without one. */
  readonly head: string;
  readonly nowMs: number;
}

/**
 * Looks at one queue without reading through it. Replies { how many wait, how many of them are suspects, how many are
 * delayed, how many dead letters there are, 1 while it is paused, how many consumers have a lease, the beginning of the first
 * waiting element, Redis's time in ms }.
 */
export const look = new Script({
  action: 'look at a queue',
  keys: ['waiting', 'suspects', 'delayed', 'dead', 'paused', 'consumers'],
  args: [],
  shared: [NOW_MS],
  lua: `
local now = nowMs()
local first = redis.call('LINDEX', waiting, 0) or ''
return {
  redis.call('LLEN', waiting),
  redis.call('LLEN', suspects),
  redis.call('ZCARD', delayed),
  redis.call('XLEN', dead),
  redis.call('EXISTS', paused),
  redis.call('ZCARD', consumers),
  string.sub(first, 1, ${HEAD_BYTES}),
  now,
}
`,
  read: (reply): Look => {
    const [waiting, suspects, delayed, dead, isPaused, consumers, head, nowMs] = readArray(reply);
    return {
      waiting: readNumber(waiting),
      suspects: readNumber(suspects),
      delayed: readNumber(delayed),
      dead: readNumber(dead),
      isPaused: isPaused === 1,
      consumers: readNumber(consumers),
      head: String(head),
      nowMs: readNumber(nowMs),
    };
  },
});
