import { OF_ONE_PATTERN, OF_WILDCARDS } from '../lua/index-version-lua.js';
import type { IndexKey, IndexKind } from '../lua/index-version-lua.js';
import { Script } from '../script/script.js';

/**
 * Takes a field out of an index. A script of its own, since a user who may declare need not be allowed to remove anything
 * there. Replies with 1 if it was there, else 0.
 */
const undeclareIn = (kind: IndexKind): Script<IndexKey, 'field', boolean> =>
  new Script({
    action: 'end what gets events',
    keys: kind.keys,
    args: ['field'],
    shared: [kind.raise],
    lua: `
if redis.call('HEXISTS', index, field) == 0 then return 0 end
-- First, since it is what may be refused.
noteChange(field)
raiseVersion()
return redis.call('HDEL', index, field)
`,
    read: (reply): boolean => reply === 1,
  });

export const undeclare = {
  ofOnePattern: undeclareIn(OF_ONE_PATTERN),
  ofWildcards: undeclareIn(OF_WILDCARDS),
} as const;
