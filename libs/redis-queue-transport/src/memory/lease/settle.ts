import type { LeaseTerms, Settlement } from '../../core/broker/lease.js';
import { keyOf } from '../../core/message/key.js';
import { dropDeadAbove } from '../queue/dead-letters.js';
import type { Delays } from '../queue/delays.js';
import { endStay, rest } from '../queue/lanes.js';
import { unpark } from '../queue/unpark.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** What settling needs beside the queue. */
export interface SettlingTerms extends Pick<LeaseTerms, 'deadLetterLimit' | 'onceMs' | 'order'> {
  readonly consumer: string;
  readonly nowMs: number;
  readonly delays: Delays;
}

/** Settled so, a message is gone for good. */
const ENDS: ReadonlySet<Settlement['kind']> = new Set(['ack', 'skip', 'deadLetter']);

/**
 * Applies settlements to what the consumer holds, and returns how many found nothing. What goes back to the head goes there
 * from the last to the first, so that it keeps its order; dead letters are added from the first on. A key that is slowed down
 * rests before what else is settled lets its next message go on.
 */
export function settle(
  queue: StoredQueue,
  settlements: readonly Settlement[],
  terms: SettlingTerms,
): number {
  const isDead = ({ kind }: Settlement): boolean => kind === 'deadLetter';
  const isDone = (one: Settlement): boolean =>
    one.kind === 'ack' && one.onceId === undefined && one.isParked !== true;
  const slowsKey = (one: Settlement): boolean => one.kind === 'retry' && one.slowsKey === true;
  const others = settlements.filter((one) => !isDead(one) && !isDone(one) && !slowsKey(one));
  let missing = 0;
  for (const settlement of [
    ...settlements.filter(slowsKey),
    ...settlements.filter(isDone),
    ...settlements.filter(isDead),
    ...others.reverse(),
  ]) {
    const held = remove(queue, terms.consumer, settlement);
    if (held === undefined) missing += 1;
    else {
      apply(queue, held, settlement, terms);
      if (ENDS.has(settlement.kind)) endStay(queue, held);
    }
  }
  return missing;
}

/** Removes the element, which is found by its bytes: from the oldest on where it is done, else from the newest. */
function remove(
  queue: StoredQueue,
  consumer: string,
  { kind, element }: Settlement,
): Buffer | undefined {
  const held = queue.processing.get(consumer);
  if (held === undefined) return undefined;
  const isOldFirst = kind === 'ack' || kind === 'deadLetter';
  const isIt = (other: Buffer): boolean => other.equals(element);
  const at = isOldFirst ? held.findIndex(isIt) : held.findLastIndex(isIt);
  if (at === -1) return undefined;
  const [removed] = held.splice(at, 1);
  if (held.length === 0) queue.processing.delete(consumer);
  return removed;
}

/** @param element the store's own: a handler may still write into the bytes that it was given */
function apply(
  queue: StoredQueue,
  element: Buffer,
  settlement: Settlement,
  terms: SettlingTerms,
): void {
  const { nowMs, deadLetterLimit = Infinity, onceMs, order, delays } = terms;
  switch (settlement.kind) {
    case 'ack':
      if (settlement.onceId !== undefined)
        queue.handled.add(settlement.onceId, nowMs + onceMs, nowMs);
      if (settlement.onceId !== undefined || settlement.isParked === true) unpark(queue, element);
      return;
    case 'skip':
      queue.counts[settlement.why] += 1;
      return unpark(queue, element);
    case 'release':
      queue.putBack(element, order);
      return;
    case 'retry': {
      const { replacement } = settlement;
      const delayMs = Math.ceil(settlement.delayMs);
      if (settlement.slowsQueue === true) slowDown(queue, nowMs, delayMs);
      if (settlement.slowsKey === true) slowKeyDown(queue, element, delayMs);
      if (delayMs > 0) delays.add(nowMs + delayMs, replacement);
      else queue.putBack(replacement, order);
      return;
    }
    case 'deadLetter':
      queue.dead.add(nowMs, settlement.replacement);
      return dropDeadAbove(queue, deadLetterLimit);
  }
}

function slowDown(queue: StoredQueue, nowMs: number, ms: number): void {
  if (queue.slowedFor(nowMs) < ms) queue.slowed = { untilMs: nowMs + ms, ms };
  queue.wake('slowed');
}

function slowKeyDown(queue: StoredQueue, element: Buffer, ms: number): void {
  const key = keyOf(element)?.key;
  if (key !== undefined) rest(queue, key, ms);
}
