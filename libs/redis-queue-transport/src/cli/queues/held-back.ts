import { isAtRate, isAtRunning } from '../../core/admin/limit-state.js';
import type { QueueOverview } from '../../index.js';
import { durationText } from '../words/duration.js';

/** What keeps messages of a queue from being taken, or senders from adding more. */
export function heldBack(queue: QueueOverview): readonly string[] {
  const { isPaused, isFull, maxLength, limit, slowedMs, rateWaitMs } = queue;
  const { processing } = queue;
  return [
    ...(isPaused ? ['paused'] : []),
    ...(slowedMs > 0 ? [`slowed down for ${durationText(slowedMs)}`] : []),
    ...(isAtRunning(queue) ? [`${processing} of ${limit?.running} run`] : []),
    ...(isAtRate(queue) ? [`next by its rate in ${durationText(rateWaitMs)}`] : []),
    ...(isFull ? [`full, at most ${maxLength}`] : []),
  ];
}
