import { Script, readNumber } from '../script/script.js';

/** Counts the elements of lists (the keys) without reading them. Replies with the number. */
export const held = new Script({
  action: 'count what is held',
  keys: [],
  args: [],
  lua: `
local sum = 0
for _, list in ipairs(KEYS) do sum = sum + redis.call('LLEN', list) end
return sum
`,
  read: readNumber,
});
