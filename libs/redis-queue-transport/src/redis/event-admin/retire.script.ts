import { Script, readArray, readNumber } from '../script/script.js';
import { EMPTY_QUEUE } from '../lua/parking-lua.js';
import { KEYED } from '../lua/unkeyed-lua.js';
import { RAISE_VERSION } from '../lua/index-version-lua.js';

/**
 * Ends a subscription, so that its queue gets no more copies. With `isDropping` 1, it also removes waiting and delayed
 * messages, or a part of them, and the queue is no longer listed unless it has dead letters. Replies with { 1 if it was
 * there, how many messages were removed, how many are left to remove }.
 */
export const retire = new Script({
  action: 'retire a group',
  keys: [
    'groups',
    'queues',
    'waiting',
    'levels',
    'suspects',
    'delayed',
    'dead',
    'cursor',
    'parked',
    'terms',
    'lanes',
    'resting',
    'unkeyed',
  ],
  args: ['queue', 'isDropping'],
  shared: [EMPTY_QUEUE, RAISE_VERSION],
  lua: `
local wasThere = redis.call('HDEL', groups, queue)
if wasThere == 1 then raiseVersion() end
redis.call('DEL', cursor, terms)
-- What is kept still goes on before what comes later.
if isDropping == '0' and redis.call('EXISTS', unkeyed) == 1 then redis.call('HSET', terms, '${KEYED}', 1) end
local dropped, left = 0, 0
if isDropping == '1' then
  dropped, left = emptyQueue('all')
  if left == 0 and redis.call('XLEN', dead) == 0 then redis.call('HDEL', queues, queue) end
end
return { wasThere, dropped, left }
`,
  read: (reply): { wasThere: boolean; dropped: number; left: number } => {
    const [wasThere, dropped, left] = readArray(reply);
    return { wasThere: wasThere === 1, dropped: readNumber(dropped), left: readNumber(left) };
  },
});
