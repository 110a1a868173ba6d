import type { LeaseTerms, Renewal, SeenLease } from '../../core/broker/lease.js';
import { dropDeadBefore } from '../queue/dead-letters.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** Most consumers that are named because their lease ends too soon, and because it ends too late. */
const MOST_LATE = 1_000;
const MOST_LATER = 100;

/** Most fenced consumers that are named with each look: successive looks name different ones. */
const MOST_FENCED = 1_000;

/** A healthy consumer renews when two thirds of its lease are left. With less it is late. */
const LATE_PART = 0.65;

export interface RenewTerms extends Pick<LeaseTerms, 'leaseMs' | 'deadLetterMaxAgeMs'> {
  readonly consumer: string;
  readonly tellsDropped: boolean;
}

/**
 * Extends the lease of a consumer that still has it, and drops dead letters that are too old. Names the consumers whose
 * lease does not fit a healthy one. The first to renew in each third of a lease is given fenced consumers too: who it
 * is shows in the leases, since nobody else has one that was renewed since.
 */
export function renew(
  queue: StoredQueue,
  nowMs: number,
  { consumer, leaseMs, deadLetterMaxAgeMs, tellsDropped }: RenewTerms,
): Renewal | 'leaseLost' {
  const thirdMs = leaseMs / 3;
  const third = Math.floor(nowMs / thirdMs);
  const isOfThird = (endsAtMs: number): boolean =>
    endsAtMs >= third * thirdMs + leaseMs && endsAtMs <= nowMs + leaseMs;
  const isFirst = ![...queue.consumers.values()].some(isOfThird);
  if (!queue.consumers.has(consumer)) return 'leaseLost';
  queue.consumers.set(consumer, nowMs + leaseMs);
  dropDeadBefore(queue, nowMs - deadLetterMaxAgeMs);
  return {
    nowMs,
    doubtful: doubtful(queue, nowMs, leaseMs),
    fenced: isFirst ? fencedPart(queue, third) : [],
    deadLettersDropped: tellsDropped ? takeUntold(queue) : 0,
    ...(queue.unkeyed.length > 0 && { hasUnkeyed: true }),
  };
}

function doubtful(queue: StoredQueue, nowMs: number, leaseMs: number): readonly SeenLease[] {
  const late: SeenLease[] = [];
  const later: SeenLease[] = [];
  for (const [consumer, endsAtMs] of queue.consumers) {
    if (endsAtMs <= nowMs + leaseMs * LATE_PART) late.push({ consumer, endsAtMs });
    else if (endsAtMs > nowMs + leaseMs) later.push({ consumer, endsAtMs });
  }
  return [
    ...late.sort(byEnd).slice(0, MOST_LATE),
    ...later.sort(byEnd).reverse().slice(0, MOST_LATER),
  ];
}

/** Successive thirds get successive parts. */
function fencedPart({ fenced }: StoredQueue, third: number): readonly string[] {
  const parts = Math.ceil(fenced.size / MOST_FENCED);
  if (parts === 0) return [];
  const from = (third % parts) * MOST_FENCED;
  return [...fenced]
    .map(([consumer, endsAtMs]) => ({ consumer, endsAtMs }))
    .sort(byEnd)
    .slice(from, from + MOST_FENCED)
    .map(({ consumer }) => consumer);
}

function byEnd(one: SeenLease, other: SeenLease): number {
  return one.endsAtMs - other.endsAtMs || (one.consumer < other.consumer ? -1 : 1);
}

/** How many dead letters were dropped since the last report, by any process. */
function takeUntold({ counts }: StoredQueue): number {
  const untold = counts.deadLettersDropped - counts.deadLettersTold;
  counts.deadLettersTold = counts.deadLettersDropped;
  return untold;
}
