import { putBackAll } from '../queue/levels.js';
import type { StoredQueue } from '../store/stored-queue.js';
import type { Taker } from './exchange.js';

/**
 * Hands back what a consumer holds, unchanged and in order, and ends it. With a `fencedUntilMs` its name stays watched until
 * then, since one of its commands has an unknown outcome.
 */
export function leave(
  queue: StoredQueue,
  { consumer, order }: Taker,
  fencedUntilMs: number | undefined,
): void {
  const held = queue.heldBy(consumer);
  putBackAll(queue, held.toReversed(), order);
  queue.processing.delete(consumer);
  const isMissed = queue.endRoles(consumer, false);
  queue.consumers.delete(consumer);
  if (fencedUntilMs !== undefined) queue.fenced.set(consumer, fencedUntilMs);
  if (isMissed || held.length > 0) queue.wake('look');
}

/** What a consumer holds without knowing. */
export interface Strays {
  /** The newest first. */
  readonly elements: readonly Buffer[];
  /** Those that it knows, and that are gone: if several are equal, the oldest. */
  readonly gone: readonly Buffer[];
  /** When its lease ends, in ms of the store's time. */
  readonly leaseEndMs: number;
}

/**
 * What was taken by a command whose answer was lost; undefined without the lease. Some elements that the consumer knows may
 * be gone: the answer of the command that settled them was lost.
 */
export function findStrays(
  queue: StoredQueue,
  consumer: string,
  known: readonly Buffer[],
): Strays | undefined {
  const leaseEndMs = queue.consumers.get(consumer);
  if (leaseEndMs === undefined) return undefined;
  const counts = new Map<string, number>();
  for (const element of known) count(counts, element, 1);
  const held = queue.heldBy(consumer).toReversed();
  const elements = held.filter((element) => count(counts, element, -1) < 0);
  const gone = known.filter(
    (element) => count(counts, element, 0) > 0 && count(counts, element, -1) >= 0,
  );
  return { leaseEndMs, elements, gone };
}

/**
 * Puts these elements of a consumer back where they came from, unchanged and in order, and moves the end of its lease by a
 * millisecond. Does nothing, and returns false, if the lease does not end as it was seen: this command may be executed late,
 * when its elements have been put back by another one, and handed out to the consumer once more.
 */
export function putBackStrays(
  queue: StoredQueue,
  { consumer, order }: Taker,
  { elements, leaseEndMs }: Strays,
): boolean {
  if (queue.consumers.get(consumer) !== leaseEndMs) return false;
  queue.consumers.set(consumer, leaseEndMs + 1);
  const held = [...queue.heldBy(consumer)];
  const returned: Buffer[] = [];
  for (const element of elements) {
    const at = held.findLastIndex((other) => other.equals(element));
    if (at === -1) continue;
    returned.push(element);
    held.splice(at, 1);
  }
  putBackAll(queue, returned, order);
  if (held.length === 0) queue.processing.delete(consumer);
  else queue.processing.set(consumer, held);
  return true;
}

/** Counts elements with equal bytes. Returns how many there are now. */
function count(counts: Map<string, number>, element: Buffer, more: number): number {
  const bytes = element.toString('latin1');
  const many = (counts.get(bytes) ?? 0) + more;
  counts.set(bytes, many);
  return many;
}
