import { Script, readNumber } from '../script/script.js';

/**
 * Drops the entries of a history that has ended. The count of its events stays, so that numbers go on if it begins again, and
 * recovering listeners find what they missed. Replies with how many entries were removed.
 */
export const dropEntries = new Script({
  action: 'end a history',
  keys: ['history'],
  args: [],
  lua: `
local kept = redis.call('XLEN', history)
redis.call('UNLINK', history)
return kept
`,
  read: readNumber,
});
