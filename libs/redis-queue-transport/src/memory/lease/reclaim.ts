import type { LeaseTerms } from '../../core/broker/lease.js';
import { frontText, readFront, splitHeader } from '../../core/message/header.js';
import type { Front } from '../../core/message/header.js';
import type { Names } from '../process/names.js';
import { parkedIfLarge } from '../queue/large-elements.js';
import { putBackAll } from '../queue/levels.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** How long a name is watched after its lease has ended: TCP stops resending a delayed command after about 15 minutes. */
export const FENCE_MS = 15 * 60_000;

/** A consumer whose lease was seen to end, and the order in which the one that notices it takes. */
export interface Reclaimed extends Pick<LeaseTerms, 'order'> {
  readonly consumer: string;
  readonly seenEndMs: number | undefined;
}

/**
 * Takes back what a consumer held whose lease has ended, and returns how much that was: 0 where the lease does not end at
 * `seenEndMs`, as it was seen, for then it was renewed since.
 *
 * Each delivery was running, or about to: it becomes a suspect, in front of the suspects that are there and in order, with
 * its attempt raised and a crash counted. Of those that were suspects before, the one that was begun last is counted once
 * more; older ones, which had run for longer than a crash usually takes, go behind all others. What a late command took
 * for a consumer that was fenced before was never started, and goes back unchanged.
 */
export function reclaim(
  queue: StoredQueue,
  nowMs: number,
  { consumer, seenEndMs, order }: Reclaimed,
  names: Names,
): number {
  const leaseEnd = queue.consumers.get(consumer);
  if (leaseEnd !== undefined && leaseEnd !== seenEndMs) return 0;
  const held = queue.heldBy(consumer).toReversed();
  queue.processing.delete(consumer);
  const suspecting = new Suspecting(queue, names);
  if (leaseEnd === undefined) putBackAll(queue, held, order);
  else for (const element of held) suspecting.add(parkedIfLarge(queue, element, names));
  const isMissed = queue.endRoles(consumer, true);
  const fencedUntil = queue.fenced.get(consumer);
  if (leaseEnd !== undefined || (held.length > 0 && fencedUntil === undefined)) {
    queue.consumers.delete(consumer);
    queue.fenced.set(consumer, nowMs + FENCE_MS);
  } else if (fencedUntil !== undefined && fencedUntil < nowMs) queue.fenced.delete(consumer);
  if (held.length > 0 || isMissed) queue.wake('look');
  return held.length;
}

/** Makes suspects of what one consumer held, the newest first. */
class Suspecting {
  /** One that was a suspect before: the last of them was begun last. */
  #isLastFound = false;

  constructor(
    private readonly queue: StoredQueue,
    private readonly names: Names,
  ) {}

  add(element: Buffer): void {
    const { suspects } = this.queue;
    const front = splitHeader(element) === undefined ? undefined : readFront(element);
    if (front === undefined) return suspects.unshift(this.#withHeader(element));
    const wasSuspect = front.crashes > 0;
    const isOlder = wasSuspect && this.#isLastFound;
    this.#isLastFound ||= wasSuspect;
    const counted = withCounts(element, front, isOlder ? front.crashes : front.crashes + 1);
    if (isOlder) suspects.push(counted);
    else suspects.unshift(counted);
  }

  #withHeader(element: Buffer): Buffer {
    const front = frontText({ crashes: 1, attempt: 2, parked: undefined, postponed: 0 });
    const header = `${front},"id":${JSON.stringify(this.names.newId())}}\n`;
    return Buffer.concat([Buffer.from(header), element]);
  }
}

function withCounts(element: Buffer, front: Front, crashes: number): Buffer {
  const counted = frontText({ ...front, crashes, attempt: front.attempt + 1 });
  return Buffer.concat([Buffer.from(counted), element.subarray(front.end)]);
}

/**
 * Which of these fenced consumers hold what a late command took. Forgets those that hold nothing and are no longer
 * watched.
 */
export function findLateTakes(
  queue: StoredQueue,
  nowMs: number,
  consumers: readonly string[],
): readonly string[] {
  const holding = consumers.filter((consumer) => queue.heldBy(consumer).length > 0);
  for (const consumer of consumers) {
    const isOver = (queue.fenced.get(consumer) ?? Infinity) < nowMs;
    if (isOver && !holding.includes(consumer)) queue.fenced.delete(consumer);
  }
  return holding;
}
