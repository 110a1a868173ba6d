import { Script } from '../script/script.js';
import { RAISE_VERSION } from '../lua/index-version-lua.js';

/**
 * Takes a pattern with live listeners out of the index of groups. A script of its own, since a user who may declare
 * need not be allowed to remove anything there. Replies with 1 if it was there, else 0.
 */
export const forgetListeners = new Script({
  action: 'forget listeners',
  keys: ['groups'],
  args: ['listenersField'],
  shared: [RAISE_VERSION],
  lua: `
local wasThere = redis.call('HDEL', groups, listenersField)
if wasThere == 1 then raiseVersion() end
return wasThere
`,
  read: (reply): boolean => reply === 1,
});
