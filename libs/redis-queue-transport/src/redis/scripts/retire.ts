import { RAISE_VERSION } from '../index-version.js';
import { EMPTY_QUEUE } from '../parking-lua.js';
import { Script, readArray, readNumber } from '../script.js';

/**
 * Ends a subscription, so that no copy comes any more. With `isDropping` 1 what waits and what is delayed is removed,
 * and the queue is no longer listed unless it has dead letters. Replies { 1 if it was there, how many messages were
 * removed }.
 */
export const retire = new Script({
  action: 'retire a group',
  keys: ['groups', 'queues', 'waiting', 'delayed', 'dead', 'cursor', 'parked'],
  args: ['queue', 'isDropping'],
  lua: `
${RAISE_VERSION}${EMPTY_QUEUE}
local wasThere = redis.call('HDEL', groups, queue)
if wasThere == 1 then raiseVersion() end
redis.call('DEL', cursor)
local dropped = 0
if isDropping == '1' then
  dropped = emptyQueue()
  if redis.call('XLEN', dead) == 0 then redis.call('HDEL', queues, queue) end
end
return { wasThere, dropped }
`,
  read: (reply): { wasThere: boolean; dropped: number } => {
    const [wasThere, dropped] = readArray(reply);
    return { wasThere: wasThere === 1, dropped: readNumber(dropped) };
  },
});
