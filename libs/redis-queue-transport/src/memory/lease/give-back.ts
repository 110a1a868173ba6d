import type { StoredQueue } from '../store/stored-queue.js';

/**
 * Hands back what a consumer holds, unchanged and in order, and ends it. With a `fencedUntilMs` its name stays watched until
 * then, since one of its commands has an unknown outcome.
 */
export function leave(
  queue: StoredQueue,
  consumer: string,
  fencedUntilMs: number | undefined,
): void {
  for (const element of queue.heldBy(consumer).toReversed()) queue.putBack(element);
  queue.processing.delete(consumer);
  const isMissed = queue.endRoles(consumer);
  queue.consumers.delete(consumer);
  if (fencedUntilMs !== undefined) queue.fenced.set(consumer, fencedUntilMs);
  if (isMissed) queue.wake('look');
}

/**
 * Puts back where it came from what a consumer holds without knowing, unchanged and in order: it was taken by a command whose
 * answer was lost. Some elements that it knows may be gone: the answer of the command that settled them was lost.
 */
export function returnStrays(queue: StoredQueue, consumer: string, known: readonly Buffer[]): void {
  const counts = new Map<string, number>();
  for (const element of known) count(counts, element, 1);
  const kept: Buffer[] = [];
  for (const element of queue.heldBy(consumer).toReversed()) {
    if (count(counts, element, -1) < 0) queue.putBack(element);
    else kept.push(element);
  }
  if (kept.length === 0) queue.processing.delete(consumer);
  else queue.processing.set(consumer, kept.reverse());
}

/** Counts elements with equal bytes. Returns how many there are now. */
function count(counts: Map<string, number>, element: Buffer, more: number): number {
  const bytes = element.toString('latin1');
  const many = (counts.get(bytes) ?? 0) + more;
  counts.set(bytes, many);
  return many;
}
