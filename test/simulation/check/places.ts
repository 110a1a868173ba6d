import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import { idOf } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { readDeadLetter } from '../../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import type { CheckedRun } from './checked-run.js';
import type { Start } from './ledger.js';

/** Where each message of a queue is, by its id; several places for one that was doubled. */
export function placesIn(queue: StoredQueue): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, string[]>();
  const add = (id: string | undefined, place: string): void => {
    const known = places.get(id ?? '?');
    if (known === undefined) places.set(id ?? '?', [place]);
    else known.push(place);
  };
  for (const element of queue.waiting.slice()) add(idOf(element), 'waiting');
  for (const [level, elements] of queue.levels.byLevel)
    for (const element of elements) add(idOf(element), `waiting in level ${level}`);
  for (const element of queue.lanes.all) add(idOf(element), 'in a lane');
  for (const element of queue.unkeyed.slice()) add(idOf(element), 'waiting for its key');
  for (const element of queue.suspects.slice()) add(idOf(element), 'suspects');
  for (const { element } of queue.delayed.all) add(idOf(element), 'delayed');
  for (const [consumer, held] of queue.processing)
    for (const element of held) add(idOf(element), `held by ${consumer}`);
  for (const { value } of queue.dead.all) add(idOfLetter(value), 'dead');
  return places;
}

/** The id of the message that is dead. */
export function idOfLetter(element: Buffer): string | undefined {
  return idOf(readDeadLetter(element)?.original ?? element);
}

/** Each message is in one place, at any time. */
export function checkPlaces(run: CheckedRun): void {
  for (const queue of run.queues)
    for (const [id, places] of placesIn(queue))
      if (places.length > 1)
        run.ledger.violate('one place', `${id} is in ${places.length}: ${places.join(', ')}`);
}

/** Whether nothing is left but dead letters and, as long as there may be any, what handlers hold that never end. */
export function isAtRest(run: CheckedRun, mayHang: boolean): boolean {
  const isLeft = (id: string, place: string): boolean =>
    place !== 'dead' && !(mayHang && place.startsWith('held') && hangs(run, id));
  return run.queues.every((queue) =>
    [...placesIn(queue)].every(([id, places]) => !places.some((place) => isLeft(id, place))),
  );
}

function hangs(run: CheckedRun, id: string): boolean {
  const record = run.ledger.of(id);
  // After a failover, a handler that hangs may have its message again, although others have handled it meanwhile.
  const isHanging = ({ end, gone }: Start, index: number): boolean =>
    end === undefined && gone === undefined && record?.plan.steps[index]?.does === 'hang';
  return record?.starts.some(isHanging) === true;
}
