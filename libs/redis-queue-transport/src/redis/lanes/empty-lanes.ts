import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { emptyLanes } from './empty-lanes.script.js';
import { forgetRests } from './forget-rests.script.js';
import { keysInUse } from './keys-in-use.js';

/** Removes what waits in lanes, part by part, and returns how many. What is added meanwhile may stay. */
export async function emptyAllLanes(connection: Connection, keys: QueueKeys): Promise<number> {
  let removed = 0;
  for await (const some of keysInUse(connection, keys)) {
    for (let isMore = true; isMore;) {
      const part = await emptyLanes.run(connection, keys, {}, [...some.keys()]);
      removed += part.removed;
      ({ isMore } = part);
    }
  }
  return removed;
}

/** Ends the rests of keys of which nothing waits, part by part: those that would end by themselves, or `all`. */
export async function forgetAllRests(
  connection: Connection,
  keys: QueueKeys,
  which: 'timed' | 'all',
): Promise<void> {
  const isAll = which === 'all' ? 1 : 0;
  for (let passed = 0, isMore = true; isMore;) {
    const { ended, others } = await forgetRests.run(connection, keys, { passed, isAll });
    passed += others;
    isMore = ended + others > 0;
  }
}
