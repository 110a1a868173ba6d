import { Script, readArray, readBuffer, readNumber, readTexts } from '../script/script.js';
import { countsByPriority } from '../../core/admin/order-of-waiting.js';
import { sentAtOf } from '../../core/message/envelope.js';
import { FIRST_ONES } from './oldest-lua.js';
import { WAITING_SEEN, readWaitingSeen } from './waiting.script.js';
import { LIMIT_TERMS, limitState } from '../../core/admin/limit-state.js';
import type { LimitState } from '../../core/admin/limit-state.js';
import { IN_LANES } from '../lua/lanes-lua.js';
import { slowedMsIn } from '../lua/limit-lua.js';
import { countIn } from '../lanes/keys-in-use.js';

/** Most consumers named at once. */
export const MOST_NAMES = 1_000;

export interface Look extends LimitState {
  readonly waiting: number;
  readonly byPriority: Readonly<Record<number, number>>;
  readonly inLanes: number;
  readonly unkeyed: number;
  readonly suspects: number;
  readonly delayed: number;
  readonly dead: number;
  readonly isPaused: boolean;
  readonly expired: number;
  readonly repeated: number;
  readonly deadLettersDropped: number;
  readonly copiesDropped: number;
  readonly consumers: number;
  /** Those whose leases end first, up to {@link MOST_NAMES}. */
  readonly names: readonly string[];
  readonly lanes: number;
  readonly longestLane: number;
  readonly oldestSentAtMs: number | undefined;
  readonly nowMs: number;
}

/**
 * Looks at one queue without reading through it. Replies with { what waits ({@link WAITING_SEEN}), how many
 * suspects there are, how many are delayed, how many dead letters there are, 1 if it is paused, Redis's time in µs, how
 * many consumers it has, some of their names, { messages that expired, were repeated, dropped dead letters, dropped
 * copies }, the LIMIT_TERMS, how many are in lanes, for how many ms it is slowed down yet, of how many, what its limit by
 * rate remembers, its first messages ({@link FIRST_ONES}), how many wait for their keys }.
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
    'slowed',
    'rate',
    'unkeyed',
  ],
  args: [],
  readsOnly: true,
  shared: [WAITING_SEEN, FIRST_ONES],
  lua: `
local time = redis.call('TIME')
local seen = waitingSeen()
return {
  seen,
  redis.call('LLEN', suspects),
  redis.call('ZCARD', delayed),
  redis.call('XLEN', dead),
  redis.call('EXISTS', paused),
  time[1] * 1000000 + time[2],
  redis.call('ZCARD', consumers),
  redis.call('ZRANGE', consumers, 0, ${MOST_NAMES - 1}),
  redis.call('HMGET', counts, 'expired', 'repeated', 'deadLettersDropped', 'copiesDropped'),
  redis.call('HMGET', terms, ${LIMIT_TERMS.map((name) => `'${name}'`).join(', ')}),
  redis.call('HGET', lanes, '${IN_LANES}') or '',
  redis.call('PTTL', slowed),
  redis.call('GET', slowed) or '',
  redis.call('GET', rate) or '',
  firstOnes(seen),
  redis.call('LLEN', unkeyed),
}
`,
  read: (reply): Look => {
    const [seen, suspects, delayed, dead, isPaused, nowUs, ...rest] = readArray(reply);
    const { parts } = readWaitingSeen(seen);
    const [consumers, names, counts, terms, inLanes, slowedLeft, slowedMs, rate, first, unkeyed] =
      rest;
    const [oldest, lanes, longestLane] = readArray(first);
    const [expired, repeated, deadLettersDropped, copiesDropped] = readArray(counts).map((count) =>
      Number(count),
    );
    const lengths = {
      waiting: parts.reduce((sum, part) => sum + part.length, 0),
      inLanes: countIn(readBuffer(inLanes).toString()),
      unkeyed: readNumber(unkeyed),
      suspects: readNumber(suspects),
      delayed: readNumber(delayed),
    };
    return {
      ...lengths,
      byPriority: countsByPriority(parts),
      dead: readNumber(dead),
      isPaused: isPaused === 1,
      expired: expired ?? 0,
      repeated: repeated ?? 0,
      deadLettersDropped: deadLettersDropped ?? 0,
      copiesDropped: copiesDropped ?? 0,
      ...limitState(
        readArray(terms).map((term) => (Buffer.isBuffer(term) ? term.toString() : undefined)),
        {
          length: Object.values(lengths).reduce((sum, count) => sum + count, 0),
          slowedMs: slowedMsIn(readNumber(slowedLeft), readBuffer(slowedMs).toString()),
          nextAtUs: countIn(readBuffer(rate).toString()),
          nowUs: readNumber(nowUs),
        },
      ),
      consumers: readNumber(consumers),
      names: readTexts(names),
      lanes: readNumber(lanes),
      longestLane: readNumber(longestLane),
      oldestSentAtMs: sentAtOf(readBuffer(oldest)),
      nowMs: Math.floor(readNumber(nowUs) / 1_000),
    };
  },
});
