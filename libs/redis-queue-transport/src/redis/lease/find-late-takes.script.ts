import { Script, readArray, readBuffer } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';

/**
 * Checks the lists of fenced consumers, which are further keys in the order of the rows. Forgets those that hold nothing
 * and are no longer watched. Replies with the names of those that hold something, or whose key is not a list.
 */
export const findLateTakes = new Script({
  action: 'look for late takes',
  keys: ['fenced'],
  args: [],
  rows: ['consumer'],
  shared: [NOW_MS],
  lua: (row) => `
local now = nowMs()
local holding = {}
${row.each}
  local held = redis.pcall('LLEN', KEYS[1 + i])
  if held ~= 0 then
    holding[#holding + 1] = consumer
  else
    local watchedUntil = redis.call('ZSCORE', fenced, consumer)
    if watchedUntil and tonumber(watchedUntil) < now then redis.call('ZREM', fenced, consumer) end
  end
end
return holding
`,
  read: (reply): string[] => readArray(reply).map((consumer) => readBuffer(consumer).toString()),
});
