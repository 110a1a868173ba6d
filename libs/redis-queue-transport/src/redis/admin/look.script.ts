import { Script, readArray, readBuffer, readNumber, readTexts } from '../script/script.js';
import { countsByPriority, orderOfWaiting } from '../../core/admin/order-of-waiting.js';
import { WAITING_SEEN, readWaitingSeen } from './waiting.script.js';
import { NOW_MS } from '../script/clock-lua.js';
import { boundIn } from '../../core/broker/bound.js';
import { IN_LANES } from '../script/lanes-lua.js';
import { countIn } from '../lanes/keys-in-use.js';

/** Most consumers named at once. */
export const MOST_NAMES = 1_000;

export interface Look {
  readonly waiting: number;
  readonly byPriority: Readonly<Record<number, number>>;
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
 * Looks at one queue without reading through it. Replies with { what waits ({@link WAITING_SEEN}), how many
 * suspects there are, how many are delayed, how many dead letters there are, 1 if it is paused, Redis's time in ms, how many consumers it has, some of their names, { messages that expired, were repeated, dropped dead
 * letters, dropped copies }, the bound or text that is no number, how many are in lanes }.
 */
export const look = new Script({
  action: 'look at a queue',
  keys: [
    'waiting',
    'levels',
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
  shared: [NOW_MS, WAITING_SEEN],
  lua: `
local now = nowMs()
return {
  waitingSeen(),
  redis.call('LLEN', suspects),
  redis.call('ZCARD', delayed),
  redis.call('XLEN', dead),
  redis.call('EXISTS', paused),
  now,
  redis.call('ZCARD', consumers),
  redis.call('ZRANGE', consumers, 0, ${MOST_NAMES - 1}),
  redis.call('HMGET', counts, 'expired', 'repeated', 'deadLettersDropped', 'copiesDropped'),
  redis.call('HMGET', terms, 'maxLength')[1] or '',
  redis.call('HGET', lanes, '${IN_LANES}') or '',
}
`,
  read: (reply): Look => {
    const [seen, suspects, delayed, dead, isPaused, nowMs, ...rest] = readArray(reply);
    const { length, head, levels } = readWaitingSeen(seen);
    const parts = orderOfWaiting(levels, length, head);
    const [consumers, names, counts, bound, inLanes] = rest;
    const [expired, repeated, deadLettersDropped, copiesDropped] = readArray(counts).map((count) =>
      Number(count),
    );
    return {
      waiting: parts.reduce((sum, part) => sum + part.length, 0),
      byPriority: countsByPriority(parts),
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
      head,
      nowMs: readNumber(nowMs),
    };
  },
});
