import { Script, readNumber } from '../script/script.js';

/** Counts what is in lists (the keys) without reading them. Replies that number. */
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
