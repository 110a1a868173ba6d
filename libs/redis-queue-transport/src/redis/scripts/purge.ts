import { Script, readNumber } from '../script.js';

/** Removes what waits and what is delayed, with the bodies that are parked. Replies how many messages that were. */
export const purge = new Script({
  action: 'purge a queue',
  keys: ['waiting', 'delayed', 'parked'],
  args: [],
  lua: `
local removed = redis.call('LLEN', waiting) + redis.call('ZCARD', delayed)
if redis.call('EXISTS', parked) == 1 then
  for from = 0, redis.call('LLEN', waiting), 1000 do
    for _, element in ipairs(redis.call('LRANGE', waiting, from, from + 999)) do unpark(element) end
  end
  for from = 0, redis.call('ZCARD', delayed), 1000 do
    for _, element in ipairs(redis.call('ZRANGE', delayed, from, from + 999)) do unpark(element) end
  end
end
redis.call('UNLINK', waiting, delayed)
return removed
`,
  read: readNumber,
});
