import { IS_WATCHER } from '../lua/sleepers-lua.js';
import { Script } from '../script/script.js';

const PLACES = ['leaseLost', 'look', 'watcher', 'sleeper'] as const;

/**
 * - `look`: messages wait; it does not sleep.
 * - `watcher`: it sleeps, and watches the queue for all that sleep.
 * - `sleeper`: it sleeps, and is told when it is to look or to watch.
 */
export type SleepingPlace = (typeof PLACES)[number];

/**
 * Lets a consumer with a lease sleep, behind those that do already; one that sleeps keeps its place. Replies with the index
 * of a {@link SleepingPlace}.
 */
export const fallAsleep = new Script({
  action: 'fall asleep',
  keys: ['consumers', 'waiting', 'sleepers'],
  args: ['consumer'],
  shared: [IS_WATCHER],
  lua: `
if not redis.call('ZSCORE', consumers, consumer) then return 0 end
if redis.call('EXISTS', waiting) == 1 then return 1 end
local last = redis.call('ZRANGE', sleepers, -1, -1, 'WITHSCORES')[2] or 0
redis.call('ZADD', sleepers, 'NX', last + 1, consumer)
return isWatcher(consumer) and 2 or 3
`,
  read: (reply): SleepingPlace => {
    const place = PLACES[Number(reply)];
    if (place === undefined) throw new TypeError(`There is no such place: ${String(reply)}.`);
    return place;
  },
});
