import { Script, readArray, readNumber } from '../script/script.js';
import { EMPTY_QUEUE } from '../lua/parking-lua.js';

export interface Purged {
  readonly removed: number;
  readonly left: number;
}

/**
 * Removes what waits, suspects included ('waiting'), what is delayed ('delayed'), or both ('all'), together with parked
 * bodies. If there are many, it removes only some. Replies with { how many messages it removed, how many are left }.
 */
export const purge = new Script({
  action: 'purge a queue',
  keys: [
    'waiting',
    'levels',
    'suspects',
    'delayed',
    'parked',
    'lanes',
    'terms',
    'resting',
    'unkeyed',
  ],
  args: ['what'],
  shared: [EMPTY_QUEUE],
  lua: `
return { emptyQueue(what) }
`,
  read: (reply): Purged => {
    const [removed, left] = readArray(reply);
    return { removed: readNumber(removed), left: readNumber(left) };
  },
});
