import { isAtRunning } from '../../core/admin/limit-state.js';
import type { QueueOverview } from '../../index.js';
import { durationText } from '../words/duration.js';

/** How many messages count for the bound of a queue. */
export function lengthOf({ waiting, inLanes, suspects, delayed }: QueueOverview): number {
  return waiting + inLanes + suspects + delayed;
}

/** What keeps messages of a queue from being taken, or senders from adding more. */
export function heldBack(queue: QueueOverview): readonly string[] {
  const { isPaused, isFull, maxLength, limit, slowedMs, rateWaitMs } = queue;
  const { waiting, suspects, processing } = queue;
  const doWait = waiting + suspects > 0;
  return [
    ...(isPaused ? ['paused'] : []),
    ...(slowedMs > 0 ? [`slowed down for ${durationText(slowedMs)}`] : []),
    ...(isAtRunning(queue) ? [`${processing} of ${limit?.running} run`] : []),
    ...(doWait && rateWaitMs > 0 ? [`next by its rate in ${durationText(rateWaitMs)}`] : []),
    ...(isFull ? [`full, at most ${maxLength}`] : []),
  ];
}
