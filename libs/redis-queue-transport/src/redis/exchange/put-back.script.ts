import { Script, readNumber } from '../script/script.js';
import { PUT_BACK } from '../script/moving-lua.js';

/**
 * Puts elements that a consumer holds, the newest first, back where they came from, unchanged. Replies with how many
 * were there.
 */
export const putBack = new Script({
  action: 'give stray deliveries back',
  keys: ['waiting', 'suspects', 'processing'],
  args: [],
  rows: ['element'],
  shared: [PUT_BACK],
  lua: (row) => `
local moved = 0
${row.each}
  if redis.call('LPOS', processing, element, 'RANK', -1) then
    putBack(element)
    redis.call('LREM', processing, -1, element)
    moved = moved + 1
  end
end
return moved
`,
  read: readNumber,
});
