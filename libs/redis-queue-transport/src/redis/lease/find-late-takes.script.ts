import { Script, readArray, readBuffer } from '../script/script.js';
import { NOW_MS } from '../script/clock-lua.js';

/**
 * Looks at the lists of fenced consumers, which follow as further keys, in the order in which their names follow as
 * arguments. Forgets those that hold nothing and are not watched any more. Replies the names of those that hold
 * something, or whose list is none.
 */
export const findLateTakes = new Script({
  action: 'look for late takes',
  keys: ['fenced'],
  args: [],
  shared: [NOW_MS],
  lua: `
local now = nowMs()
local holding = {}
for i = FIRST, #ARGV do
  local held = redis.pcall('LLEN', KEYS[1 + i])
  if held ~= 0 then
    holding[#holding + 1] = ARGV[i]
  else
    local watchedUntil = redis.call('ZSCORE', fenced, ARGV[i])
    if watchedUntil and tonumber(watchedUntil) < now then redis.call('ZREM', fenced, ARGV[i]) end
  end
end
return holding
`,
  read: (reply): string[] => readArray(reply).map((consumer) => readBuffer(consumer).toString()),
});
