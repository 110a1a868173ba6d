import { IS_SUSPECT, Script, readNumber } from '../script/script.js';

/**
 * Gives elements that a consumer holds (the arguments behind the named ones, the newest first) back to where they came
 * from, unchanged. Replies how many were there.
 */
export const putBack = new Script({
  action: 'give stray deliveries back',
  keys: ['waiting', 'suspects', 'processing'],
  args: [],
  lua: `
${IS_SUSPECT}
local moved = 0
for i = FIRST, #ARGV do
  if redis.call('LPOS', processing, ARGV[i], 'RANK', -1) then
    redis.call('LPUSH', isSuspect(ARGV[i]) and suspects or waiting, ARGV[i])
    redis.call('LREM', processing, -1, ARGV[i])
    moved = moved + 1
  end
end
return moved
`,
  read: readNumber,
});
