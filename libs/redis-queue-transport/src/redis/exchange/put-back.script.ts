import { Script, readNumber } from '../script/script.js';
import { PUT_BACK } from '../lua/moving-lua.js';

/**
 * Puts elements that a consumer holds, the newest first, back where they came from, unchanged, and moves the end of its
 * lease by a millisecond. Does nothing if the lease does not end at `seenEndMs`: this call may be executed late, when
 * its elements have been put back by another call, and handed out to the consumer once more. Replies 1 if it did
 * something, else 0.
 */
export const putBack = new Script({
  action: 'give stray deliveries back',
  keys: ['waiting', 'levels', 'suspects', 'processing', 'consumers'],
  args: ['consumer', 'seenEndMs', 'takesFrom'],
  rows: ['element'],
  shared: [PUT_BACK],
  lua: (row) => `
local leaseEnd = redis.call('ZSCORE', consumers, consumer)
if not leaseEnd or tonumber(leaseEnd) ~= tonumber(seenEndMs) then return 0 end
redis.call('ZADD', consumers, leaseEnd + 1, consumer)
${row.each}
  if redis.call('LPOS', processing, element, 'RANK', -1) then
    putBack(element)
    redis.call('LREM', processing, -1, element)
  end
end
fillUp()
return 1
`,
  read: (reply) => readNumber(reply) === 1,
});
