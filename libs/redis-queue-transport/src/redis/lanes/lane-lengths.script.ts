import { Script, readArray, readNumber } from '../script/script.js';

/**
 * How many elements are in the lanes of these keys. A lane of another type counts as empty: what it holds is no
 * message. Replies with a number for each.
 */
export const laneLengths = new Script({
  action: 'list the lanes',
  keys: ['lanes'],
  args: [],
  rows: ['key'],
  readsOnly: true,
  lua: (row) => `
local reply = {}
${row.each}
  local length = redis.pcall('LLEN', lanes .. ':' .. key)
  reply[#reply + 1] = type(length) == 'number' and length or 0
end
return reply
`,
  read: (reply): readonly number[] => readArray(reply).map(readNumber),
});
