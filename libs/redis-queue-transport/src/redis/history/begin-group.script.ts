import type { Begun } from '../../core/subscriptions/subscriptions.js';
import { Script } from '../script/script.js';
import { MOVE_EVENTS } from './history-lua.js';
import { OF_ONE_PATTERN, OF_WILDCARDS } from '../lua/index-version-lua.js';
import type { IndexKind } from '../lua/index-version-lua.js';

/**
 * Fills a new group with the next part of a history. With the last part, in the same step, the group starts to get
 * copies of its own, so that nothing is lost or doubled. Several replicas may call it at once, and if one dies, the
 * next continues.
 *
 * Replies with 0 if the group gets its copies, now or already before; 1 if there is more to fill; -1 if there is no
 * history of this pattern.
 */
const beginIn = (kind: IndexKind) =>
  new Script({
    action: 'begin a group',
    growsData: true,
    keys: [
      ...kind.keys,
      'history',
      'waiting',
      'levels',
      'cursor',
      'lanes',
      'terms',
      'resting',
      'unkeyed',
    ],
    args: ['queue', 'historyField', 'from', 'wake'],
    shared: [MOVE_EVENTS, kind.raise],
    lua: `
if redis.call('HEXISTS', index, queue) == 1 then return 0 end
if redis.call('HEXISTS', index, historyField) == 0 then return -1 end
local _, rest = moveEvents(redis.call('GET', cursor) or from, '+')
if firstRest(resting) then redis.call('PUBLISH', wake, '') end
if rest then
  redis.call('SET', cursor, rest)
  return 1
end
-- First, since it is what may be refused.
noteChange(queue)
redis.call('DEL', cursor)
redis.call('HSET', index, queue, '1')
raiseVersion()
return 0
`,
    read: (reply): Begun => (reply === 0 ? 'begun' : reply === 1 ? 'more' : 'noHistory'),
  });

export const beginGroup = {
  ofOnePattern: beginIn(OF_ONE_PATTERN),
  ofWildcards: beginIn(OF_WILDCARDS),
} as const;
