import { Script, readArray, readNumber } from '../script/script.js';
import { RAISE_VERSION } from '../lua/index-version-lua.js';

/**
 * Ends a history, so that no event is added any more. With `isDropping` 1 its entries are removed. The count of its
 * events stays, so that numbers go on if it begins again, and recovering listeners find what they missed. Replies with
 * { 1 if it was there, how many entries were removed }.
 */
export const endHistory = new Script({
  action: 'end a history',
  keys: ['groups', 'history'],
  args: ['historyField', 'isDropping'],
  shared: [RAISE_VERSION],
  lua: `
-- First, since this fails if the key belongs to somebody else.
local kept = redis.call('XLEN', history)
local wasThere = redis.call('HDEL', groups, historyField)
if wasThere == 1 then raiseVersion() end
if isDropping ~= '1' then return { wasThere, 0 } end
redis.call('UNLINK', history)
return { wasThere, kept }
`,
  read: (reply): { wasThere: boolean; dropped: number } => {
    const [wasThere, dropped] = readArray(reply);
    return { wasThere: wasThere === 1, dropped: readNumber(dropped) };
  },
});
