import type { HeldElement, QueueConsumer } from '../../core/admin/admin-broker.js';
import { dateOf } from '../../core/admin/message-reader.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** Those that have a lease, by its end; then those that were reclaimed and hold something again. */
export function consumersOf(queue: StoredQueue, nowMs: number): readonly QueueConsumer[] {
  const leased = byTime(queue.consumers).map(([name, endsMs]): QueueConsumer => ({
    name,
    state: endsMs > nowMs ? 'live' : 'ended',
    leaseEndsAt: dateOf(endsMs),
    held: queue.heldBy(name).length,
  }));
  const reclaimed = byTime(queue.fenced).map(([name]): QueueConsumer => ({
    name,
    state: 'reclaimed',
    leaseEndsAt: undefined,
    held: queue.heldBy(name).length,
  }));
  return [...leased, ...reclaimed.filter(({ held }) => held > 0)];
}

/** What they hold, in the same order, each one's oldest first. */
export function heldIn(queue: StoredQueue): readonly HeldElement[] {
  const consumers = [...byTime(queue.consumers), ...byTime(queue.fenced)];
  return consumers.flatMap(([consumer]) =>
    queue.heldBy(consumer).map((element) => ({ element, consumer })),
  );
}

/** As in a sorted set: by the time, then by the name. */
function byTime(times: ReadonlyMap<string, number>): [name: string, ms: number][] {
  return [...times].sort(
    ([name, ms], [otherName, otherMs]) => ms - otherMs || (name < otherName ? -1 : 1),
  );
}
