import { Script, readArray, readNumber } from '../script/script.js';
import { MOVE_EVENTS } from '../history/history-lua.js';

/**
 * Adds a part of a history to a queue's tail. Replies with { how many, where the next part begins, if there is one }.
 */
export const replay = new Script({
  action: 'replay a history',
  growsData: true,
  keys: ['history', 'waiting', 'lanes', 'terms'],
  args: ['from', 'to'],
  shared: [MOVE_EVENTS],
  lua: `
return { moveEvents(from, to) }
`,
  read: (reply): { replayed: number; next: string | undefined } => {
    const [replayed, next] = readArray(reply);
    return {
      replayed: readNumber(replayed),
      next: Buffer.isBuffer(next) ? next.toString() : undefined,
    };
  },
});
