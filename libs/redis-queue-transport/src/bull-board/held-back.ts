import { isAtRunning } from '../core/admin/limit-state.js';
import type { QueueLengths } from '../index.js';

/** What a board has no place for: that messages wait for others, and limits that hold messages or senders back. */
export function heldBack(lengths: QueueLengths): readonly string[] {
  const { processing, inLanes, unkeyed, limit, isFull, maxLength, slowedMs } = lengths;
  return [
    ...(inLanes > 0
      ? [`${inLanes} of those that wait are behind another message of their key`]
      : []),
    ...(unkeyed > 0 ? [`${unkeyed} more wait for their key to be read`] : []),
    ...(slowedMs > 0 ? [`slowed down for ${Math.ceil(slowedMs / 1_000)} s`] : []),
    ...(isAtRunning(lengths) ? [`${processing} of ${limit?.running} run`] : []),
    ...(isFull ? [`full: at most ${maxLength} may wait`] : []),
  ];
}
