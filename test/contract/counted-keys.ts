import { expect } from '@jest/globals';
import { keyOf } from '../../libs/redis-queue-transport/src/core/message/key.js';
import type { QueueDump } from '../support/queue-dump.js';

/** How many of each key are out, counted anew by looking at every element. */
export function outByLists(dump: QueueDump): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  const count = (element: Buffer, isDelayed: boolean): void => {
    const found = keyOf(element);
    if (found === undefined || (isDelayed && !found.wasOut)) return;
    out.set(found.key, (out.get(found.key) ?? 0) + 1);
  };
  const held = [...dump.processing.values()].flat();
  const levelled = [...dump.levels.values()].flat();
  for (const element of [...dump.waiting, ...levelled, ...dump.suspects, ...held])
    count(element, false);
  for (const element of dump.delayed) count(element, true);
  return out;
}

/** What is counted is what the lists say, and in each lane somebody waits for somebody, or for the end of a rest. */
export function expectTrueCounts(dump: QueueDump): void {
  const counted = [...dump.out].filter(([, out]) => out !== 0);
  expect(new Map(counted)).toEqual(outByLists(dump));
  // A key that rests has a count even if it is 0, and only such a key.
  const uncounted = [...dump.resting.keys()].filter((key) => !dump.out.has(key));
  const leftBehind = [...dump.out].filter(([key, out]) => out === 0 && !dump.resting.has(key));
  expect([uncounted, leftBehind]).toEqual([[], []]);
  expect(dump.inLanes).toBe([...dump.lanes.values()].flat().length);
  const idle = [...dump.lanes.keys()].filter((key) => !dump.out.has(key));
  expect(idle).toEqual([]);
}
