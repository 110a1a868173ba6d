import type { QueueLengths } from '../index.js';

/** What a board has no place for: messages in lanes, and limits that hold messages or senders back. */
export function heldBack(lengths: QueueLengths): readonly string[] {
  const { waiting, suspects, processing, inLanes } = lengths;
  const { limit, isFull, maxLength, slowedMs } = lengths;
  const running = limit?.running ?? Infinity;
  const isAtLimit = waiting + suspects > 0 && processing >= running;
  return [
    ...(inLanes > 0 ? [`${inLanes} more wait behind another message of their key`] : []),
    ...(slowedMs > 0 ? [`slowed down for ${Math.ceil(slowedMs / 1_000)} s`] : []),
    ...(isAtLimit ? [`${processing} of ${running} run`] : []),
    ...(isFull ? [`full: at most ${maxLength} may wait`] : []),
  ];
}
