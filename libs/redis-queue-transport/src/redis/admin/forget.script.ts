import type { Forgetting } from '../../core/admin/admin-broker.js';
import { NOW_MS } from '../lua/clock-lua.js';
import { Script, readNumber } from '../script/script.js';

/** By the number that the script replies with. */
const RESULTS: readonly Forgetting[] = [
  'forgotten',
  'unknown',
  'isGroup',
  'isServed',
  'isPaused',
  'hasMessages',
];

/**
 * Removes what is left of a queue without messages that nobody serves: its name, terms, counts and roles. What remembers ids
 * goes when its time is over. Consumers whose leases ended, or that are fenced, may still have a command on its way that takes
 * something: as long as they are looked for, the queue counts as served.
 *
 * Replies with the index of a result.
 */
export const forget = new Script({
  action: 'forget a queue',
  keys: [
    'queues',
    'index',
    'waiting',
    'unkeyed',
    'suspects',
    'delayed',
    'dead',
    'levels',
    'lanes',
    'resting',
    'paused',
    'consumers',
    'fenced',
    'roles',
    'sleepers',
    'counts',
    'terms',
    'rate',
    'slowed',
    'cursor',
    'fed',
  ],
  args: ['queue', 'processing', 'fenceMs'],
  shared: [NOW_MS],
  lua: `
if redis.call('HGET', index, queue) then return 2 end
local now = nowMs()
if redis.call('ZCOUNT', consumers, '(' .. now - fenceMs, '+inf') > 0 then return 3 end
if redis.call('ZCOUNT', fenced, '(' .. now, '+inf') > 0 then return 3 end
if redis.call('EXISTS', paused) == 1 or redis.call('ZCOUNT', resting, '+inf', '+inf') > 0 then return 4 end
local held = redis.call('EXISTS', waiting, unkeyed, suspects, delayed, levels, lanes, fed) + redis.call('XLEN', dead)
for _, names in ipairs({ consumers, fenced }) do
  for _, consumer in ipairs(redis.call('ZRANGE', names, 0, -1)) do
    held = held + redis.call('EXISTS', processing .. consumer)
  end
end
if held > 0 then return 5 end
-- One by one, so that permissions for all of them are checked before.
local removed = 0
removed = removed + redis.call('DEL', dead)
removed = removed + redis.call('DEL', resting)
removed = removed + redis.call('DEL', consumers)
removed = removed + redis.call('DEL', fenced)
removed = removed + redis.call('DEL', roles)
removed = removed + redis.call('DEL', sleepers)
removed = removed + redis.call('DEL', counts)
removed = removed + redis.call('DEL', terms)
removed = removed + redis.call('DEL', rate)
removed = removed + redis.call('DEL', slowed)
removed = removed + redis.call('DEL', cursor)
removed = removed + redis.call('HDEL', queues, queue)
return removed > 0 and 0 or 1
`,
  read: (reply): Forgetting => RESULTS[readNumber(reply)] ?? 'unknown',
});
