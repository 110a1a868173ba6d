import { Script, readArray, readNumber } from '../script/script.js';
import { MOVE_EVENTS } from '../history/history-lua.js';

/**
 * Adds a part of a history to a queue's tail. Replies with { how many, where the next part begins, if there is one }.
 */
export const replay = new Script({
  action: 'replay a history',
  growsData: true,
  keys: ['history', 'waiting', 'levels', 'lanes', 'terms', 'resting', 'unkeyed'],
  args: ['from', 'to', 'wake'],
  shared: [MOVE_EVENTS],
  lua: `
local moved, rest = moveEvents(from, to)
if firstRest(resting) then redis.call('PUBLISH', wake, '') end
return { moved, rest }
`,
  read: (reply): { replayed: number; next: string | undefined } => {
    const [replayed, next] = readArray(reply);
    return {
      replayed: readNumber(replayed),
      next: Buffer.isBuffer(next) ? next.toString() : undefined,
    };
  },
});
