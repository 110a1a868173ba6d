import type { QueueLength } from '../../core/broker/broker.js';
import { LENGTH } from '../lua/length-lua.js';
import { Script, readArray, readNumber } from '../script/script.js';

/** Counts the messages that a bound counts. Replies with { how many there are, the bound or 0 }. */
export const readLength = new Script({
  action: 'read the length of a queue',
  keys: ['waiting', 'levels', 'suspects', 'delayed', 'lanes', 'terms', 'unkeyed'],
  args: [],
  readsOnly: true,
  shared: [LENGTH],
  lua: `
local queue = {
  waiting = waiting, levels = levels, suspects = suspects, delayed = delayed, lanes = lanes, terms = terms,
  unkeyed = unkeyed,
}
readTerms(queue)
return { lengthOf(queue), queue.most or 0 }
`,
  read: (reply): QueueLength => {
    const [length, bound] = readArray(reply);
    return { length: readNumber(length), maxLength: readBound(bound) };
  },
});

/** The bound in a script's reply, which is 0 for a queue without one. */
export function readBound(bound: unknown): number | undefined {
  return bound === 0 ? undefined : readNumber(bound);
}
