import {
  USUAL_PRIORITY,
  priorityOf,
} from '../../../libs/redis-queue-transport/src/core/message/priority.js';
import { readFront } from '../../../libs/redis-queue-transport/src/core/message/header.js';
import { idOf } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { lengthsOf } from '../../../libs/redis-queue-transport/src/memory/admin/lengths.js';
import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import type { CheckedRun } from './checked-run.js';
import type { WatchedRun } from './watched-run.js';

/** Each so many, one of a lower priority is taken. */
const LOWER_EVERY = 10;

/**
 * Whether one queue hands out higher priorities first, and each tenth message from the lower ones. What a blocked consumer
 * takes is not looked at: it is what stood in front. One that went to the usual ones while nothing else waited counts as one
 * of them until others of its or another priority wait; it stands in front of them.
 */
export class LevelOrder {
  /** At most so many were taken while several priorities had some, since one of the lower was. */
  #atMost = 0;
  /** At least so many. */
  #atLeast = 0;
  /** Those that waited when it looked last. */
  #waited: ReadonlySet<string> = new Set();
  /** Those of them that were in the lists of their levels, or that go there before anything is taken. */
  #levelled: ReadonlySet<string> = new Set();

  constructor(private readonly run: Pick<WatchedRun, 'violate'>) {}

  /** The replica has become the primary, which counts on from where it was. */
  tookOver(queue: StoredQueue): void {
    this.#atMost = LOWER_EVERY;
    this.#atLeast = 0;
    this.look(queue);
  }

  /** To be called after each command. */
  look({ levels, waiting }: StoredQueue): void {
    // Then the engine begins to count anew.
    if (!levels.isInUse) this.#atLeast = 0;
    const inLevels = [...levels.byLevel.values()].flat().map(nameOf);
    const all = waiting.slice();
    this.#waited = new Set([...inLevels, ...all.map(nameOf)]);
    this.#levelled = new Set([...inLevels, ...(levels.isInUse ? all.slice(0, 1).map(nameOf) : [])]);
    const behind = all.slice(1).filter((element) => !isUsual(element));
    for (const element of behind) {
      const what = `${nameOf(element)} of ${priorityOf(element)}`;
      this.run.violate('priorities', `${what} stands behind the usual ones`);
    }
  }

  /** To be called after an exchange that took these, before {@link look}. */
  took(queue: StoredQueue, all: readonly Buffer[]): void {
    const taken = all.filter((element) => readFront(element)?.crashes === 0);
    // One of another priority that was not taken was moved to the usual ones behind the last that was.
    const left = countsOf(queue.levels.byLevel, queue.waiting.slice());
    // What came in the same exchange may have made others the lower ones.
    const isSure = taken.every((element) => this.#waited.has(nameOf(element)));
    for (const element of taken) if (this.#isInPlace(element)) add(left, priorityOf(element), 1);
    for (const element of taken) {
      const isInPlace = this.#isInPlace(element);
      const highest = Math.max(...left.keys());
      if (priorityOf(element) < highest) this.#tookLower(element, highest);
      else this.#tookHighest(isSure && left.size > 1 && queue.levels.isInUse, isInPlace);
      if (isInPlace) add(left, priorityOf(element), -1);
    }
    if (!isSure) this.#atLeast = 0;
  }

  #isInPlace(element: Buffer): boolean {
    return isUsual(element) || this.#levelled.has(nameOf(element));
  }

  #tookLower(element: Buffer, highest: number): void {
    this.#atMost += 1;
    this.#atLeast = 0;
    if (highest <= USUAL_PRIORITY && !this.#isInPlace(element)) return;
    if (this.#atMost < LOWER_EVERY) {
      const what = `${nameOf(element)} of ${priorityOf(element)}`;
      this.run.violate('priorities', `${what} was taken before one of ${highest}`);
    }
    this.#atMost = 0;
  }

  #tookHighest(hasLower: boolean, isInPlace: boolean): void {
    this.#atMost += 1;
    if (hasLower) this.#atLeast += 1;
    // It may have been taken as one of the usual ones, which were lower.
    if (!isInPlace) this.#atLeast = 0;
    if (this.#atLeast < LOWER_EVERY) return;
    this.run.violate('priorities', `none of a lower priority was among the last ${this.#atLeast}`);
    this.#atLeast = 0;
  }
}

/** How many wait of each priority that has some. */
function countsOf(
  byLevel: ReadonlyMap<number, readonly Buffer[]>,
  waiting: readonly Buffer[],
): Map<number, number> {
  const counts = new Map<number, number>();
  for (const element of waiting) add(counts, priorityOf(element), 1);
  for (const [level, elements] of byLevel) add(counts, level, elements.length);
  return counts;
}

function isUsual(element: Buffer): boolean {
  return priorityOf(element) === USUAL_PRIORITY;
}

function add(counts: Map<number, number>, level: number, more: number): void {
  const many = (counts.get(level) ?? 0) + more;
  if (many === 0) counts.delete(level);
  else counts.set(level, many);
}

/** Each message is in the list of its priority, but for the first in `waiting`, and tools count what the lists have. */
export function checkLevels({ queues, ledger }: CheckedRun): void {
  for (const queue of queues) {
    for (const [level, elements] of queue.levels.byLevel)
      for (const element of elements) {
        const { priority = USUAL_PRIORITY } = ledger.of(idOf(element))?.plan ?? {};
        if (priority !== level)
          ledger.violate('priorities', `${nameOf(element)} of ${priority} waits in level ${level}`);
      }
    checkCounts(queue, ledger.violate.bind(ledger));
  }
}

function checkCounts(queue: StoredQueue, violate: WatchedRun['violate']): void {
  const { byPriority, waiting } = lengthsOf(queue, queue.nowMs());
  const counted = Object.entries(byPriority).map(([level, count]) => [Number(level), count]);
  const there = [...countsOf(queue.levels.byLevel, queue.waiting.slice())].sort(
    ([one], [other]) => one - other,
  );
  if (JSON.stringify(counted) !== JSON.stringify(there))
    violate(
      'priorities',
      `${JSON.stringify(there)} wait, and ${JSON.stringify(counted)} are counted`,
    );
  const sum = there.reduce((all, [, count]) => all + count, 0);
  if (sum !== waiting) violate('priorities', `${sum} wait, and ${waiting} are counted`);
}

function nameOf(element: Buffer): string {
  return idOf(element) ?? '?';
}
