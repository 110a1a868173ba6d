import { isAtRunning } from '../core/admin/limit-state.js';
import type { QueueLengths } from '../index.js';

/** What a board has no place for: messages in lanes, and limits that hold messages or senders back. */
export function heldBack(lengths: QueueLengths): readonly string[] {
  const { processing, inLanes, limit, isFull, maxLength, slowedMs } = lengths;
  return [
    ...(inLanes > 0 ? [`${inLanes} more wait behind another message of their key`] : []),
    ...(slowedMs > 0 ? [`slowed down for ${Math.ceil(slowedMs / 1_000)} s`] : []),
    ...(isAtRunning(lengths) ? [`${processing} of ${limit?.running} run`] : []),
    ...(isFull ? [`full: at most ${maxLength} may wait`] : []),
  ];
}
