import { MOST_COUNTED } from '../../core/admin/admin-broker.js';
import type { LaneCheck, WrongCount } from '../../core/admin/admin-broker.js';
import { keyOf } from '../../core/message/key.js';
import { goOn } from '../queue/lanes.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** Counts anew what is out of each key, and compares. What is in lanes is never counted wrong here. */
export function checkLanes(queue: StoredQueue): LaneCheck | undefined {
  if (partsOf(queue) > MOST_COUNTED) return undefined;
  const { lanes, rests } = queue;
  const out = outOf(queue);
  const keys = new Set([
    ...out.keys(),
    ...lanes.out.keys(),
    ...lanes.byKey.keys(),
    ...rests.all.keys(),
  ]);
  const wrong = [...keys].flatMap((key): WrongCount[] => {
    const [counted, isOut] = [lanes.out.get(key), out.get(key) ?? 0];
    const waiting = lanes.of(key).length;
    // A key that rests has a count even if it is 0, and only such a key.
    const right = isOut > 0 || rests.has(key) ? isOut : undefined;
    const isStuck = right === undefined && waiting > 0;
    return counted === right && !isStuck
      ? []
      : [{ key, counted: counted ?? 0, out: isOut, waiting }];
  });
  return { wrong, inLanes: { counted: lanes.waiting, there: lanes.waiting } };
}

/** The same, and the next of these keys go on, as many as may. */
export function repairLanes(queue: StoredQueue): LaneCheck | undefined {
  const check = checkLanes(queue);
  for (const { key, out } of check?.wrong ?? []) goOn(queue, key, out);
  if (check !== undefined && check.wrong.length > 0) queue.wake('look');
  return check;
}

function elementsOf({ waiting, levels, suspects, processing }: StoredQueue): readonly Buffer[] {
  const levelled = [...levels.byLevel.values()].flat();
  return [...waiting.slice(), ...levelled, ...suspects.slice(), ...[...processing.values()].flat()];
}

function partsOf(queue: StoredQueue): number {
  const { consumers, fenced, delayed, lanes, rests } = queue;
  const others = consumers.size + fenced.size + delayed.length + lanes.out.size + rests.all.size;
  return others + elementsOf(queue).length;
}

function outOf(queue: StoredQueue): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  const add = (key: string | undefined): void => {
    if (key !== undefined) out.set(key, (out.get(key) ?? 0) + 1);
  };
  for (const element of elementsOf(queue)) add(keyOf(element)?.key);
  for (const { element } of queue.delayed.all) {
    const found = keyOf(element);
    if (found?.wasOut === true) add(found.key);
  }
  return out;
}
