import type { Limited } from '../../core/broker/limit.js';
import { LIMIT, SLOWED, readLimited } from '../lua/limit-lua.js';
import { PUT_BACK } from '../lua/moving-lua.js';
import { Script, readArray, readNumber } from '../script/script.js';

/** What became of elements that a plain command had taken. */
export interface Admission {
  /** How many may start, the oldest first. The others are back at the head. */
  readonly admitted: number;
  readonly limited: Limited | undefined;
}

/**
 * Decides about elements of a limited queue that were taken by plain commands, which know of no limit: those that may
 * start now stay with the consumer, and the others, the newest ones, go back to the head of the queue.
 *
 * Replies: 0 if the lease is lost; else { how many may start, how the queue is limited or 0 }.
 */
export const admit = new Script({
  action: 'keep the limit of a queue',
  keys: ['waiting', 'levels', 'suspects', 'roles', 'processing', 'consumers', 'rate', 'slowed'],
  args: ['consumer', 'limit', 'takesFrom'],
  rows: ['element'],
  shared: [PUT_BACK, SLOWED, LIMIT],
  lua: `
if not redis.call('ZSCORE', consumers, consumer) then return 0 end
local count = #ARGV - FIRST + 1
local slowedMs = slowedFor()
local may = 0
if slowedMs > 0 then limited = { slowedMs, 0, 1 } else may = mayTake(count, count) end
for i = #ARGV, FIRST + may, -1 do
  if redis.call('LPOS', processing, ARGV[i], 'RANK', -1) then
    putBack(ARGV[i])
    redis.call('LREM', processing, -1, ARGV[i])
  end
end
fillUp()
if slowedMs == 0 then countTaken(may) end
return { may, limited or 0 }
`,
  read: (reply): Admission | 'leaseLost' => {
    if (reply === 0) return 'leaseLost';
    const [admitted, limited] = readArray(reply);
    return { admitted: readNumber(admitted), limited: readLimited(limited) };
  },
});
