import type { QueueOverview } from '../../index.js';

/** A queue, and how fast its lists grow. */
export interface RatedQueue extends QueueOverview {
  /** Undefined after the first look at it. */
  readonly waitingPerSecond: number | undefined;
  readonly deadPerSecond: number | undefined;
}

/** Compares two looks. */
export function rated(
  before: readonly QueueOverview[],
  after: readonly QueueOverview[],
  passedMs: number,
): readonly RatedQueue[] {
  const known = new Map(before.map((queue) => [queue.queue, queue]));
  return after.map((now) => {
    const then = known.get(now.queue);
    const rate = (part: 'waiting' | 'dead'): number | undefined =>
      then === undefined ? undefined : ((now[part] - then[part]) * 1_000) / passedMs;
    return { ...now, waitingPerSecond: rate('waiting'), deadPerSecond: rate('dead') };
  });
}
