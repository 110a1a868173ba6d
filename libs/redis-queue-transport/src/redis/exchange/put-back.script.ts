import { Script, readNumber } from '../script/script.js';
import { PUT_BACK } from '../script/moving-lua.js';

/**
 * Puts elements that a consumer holds (the arguments behind the named ones, the newest first) back where they came from,
 * unchanged. Replies with how many were there.
 */
export const putBack = new Script({
  action: 'give stray deliveries back',
  keys: ['waiting', 'suspects', 'processing'],
  args: [],
  shared: [PUT_BACK],
  lua: `
local moved = 0
for i = FIRST, #ARGV do
  if redis.call('LPOS', processing, ARGV[i], 'RANK', -1) then
    putBack(ARGV[i])
    redis.call('LREM', processing, -1, ARGV[i])
    moved = moved + 1
  end
end
return moved
`,
  read: readNumber,
});
