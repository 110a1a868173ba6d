import { Script } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';

/** Replies with 1 if the id was acknowledged within its window, else 0. */
export const wasHandled = new Script({
  action: 'look up whether a message was handled',
  keys: ['handled'],
  args: ['id'],
  shared: [NOW_MS],
  lua: `
local now = nowMs()
local handledUntil = redis.call('ZSCORE', handled, id)
return handledUntil and tonumber(handledUntil) > now and 1 or 0
`,
  read: (reply): boolean => reply === 1,
});
