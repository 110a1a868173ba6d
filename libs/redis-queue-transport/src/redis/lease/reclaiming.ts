import type { LeaseSurroundings } from './lease-surroundings.js';
import { findLateTakes } from './find-late-takes.script.js';
import { reclaim } from './reclaim.script.js';

/** How long a name is watched after its lease has ended: TCP stops resending a delayed command after about 15 minutes. */
export const FENCE_MS = 15 * 60_000;

/** Turns what an ended consumer held into suspects, part by part, and returns how many. */
export async function reclaimAll(
  { commands, keys, large, newId, takesFrom }: LeaseSurroundings,
  consumer: string,
  seenEndMs: number | undefined,
): Promise<number> {
  const lists = { ...keys, processing: keys.processing(consumer) };
  const terms = {
    consumer,
    seenEndMs: seenEndMs ?? '',
    fenceMs: FENCE_MS,
    wake: keys.wake,
    takesFrom,
  };
  await large.parkAll(lists.processing, { consumer, seenEndMs });
  let moved = 0;
  let isLastFound = 0;
  for (let left = 1; left > 0;) {
    const part = await reclaim.run(commands, lists, { ...terms, newId: newId(), isLastFound });
    if (part === 'notEnded') break;
    ({ left, isLastFound } = part);
    moved += part.moved;
  }
  return moved;
}

/** Which of these fenced consumers hold something that a late command took. */
export function lateTakesOf(
  { commands, keys }: LeaseSurroundings,
  consumers: readonly string[],
): Promise<readonly string[]> {
  const lists = consumers.map((consumer) => keys.processing(consumer));
  return findLateTakes.run(commands, { fenced: keys.fenced }, {}, consumers, {
    keys: lists,
  });
}
