import { Script, readArray, readNumber } from '../script/script.js';
import { EMPTY_QUEUE } from '../lua/parking-lua.js';
import { KEYED } from '../lua/unkeyed-lua.js';

/**
 * For the queue of a subscription that has ended. With `isDropping` 1, it also removes waiting and delayed messages, or a part
 * of them. Replies with { how many messages were removed, how many are left to remove, 1 if there are dead letters }.
 */
export const retire = new Script({
  action: 'retire a group',
  keys: [
    'waiting',
    'levels',
    'suspects',
    'delayed',
    'dead',
    'cursor',
    'parked',
    'terms',
    'lanes',
    'resting',
    'unkeyed',
  ],
  args: ['isDropping'],
  shared: [EMPTY_QUEUE],
  lua: `
redis.call('DEL', cursor, terms)
-- What is kept still goes on before what comes later.
if isDropping == '0' and redis.call('EXISTS', unkeyed) == 1 then redis.call('HSET', terms, '${KEYED}', 1) end
local dropped, left = 0, 0
if isDropping == '1' then dropped, left = emptyQueue('all') end
return { dropped, left, redis.call('EXISTS', dead) }
`,
  read: (reply): { dropped: number; left: number; hasDeadLetters: boolean } => {
    const [dropped, left, dead] = readArray(reply);
    return { dropped: readNumber(dropped), left: readNumber(left), hasDeadLetters: dead === 1 };
  },
});
