import { EMPTY_QUEUE } from '../parking-lua.js';
import { Script, readNumber } from '../script.js';

/** Removes what waits and what is delayed, with the bodies that are parked. Replies how many messages that were. */
export const purge = new Script({
  action: 'purge a queue',
  keys: ['waiting', 'delayed', 'parked'],
  args: [],
  lua: `
${EMPTY_QUEUE}
return emptyQueue()
`,
  read: readNumber,
});
