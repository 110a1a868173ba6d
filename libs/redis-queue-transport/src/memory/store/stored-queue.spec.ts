import { expect, test } from '@jest/globals';
import { StoredQueue } from './stored-queue.js';

test('a queue that was slowed down goes on when its time is over, or when the clock is set back', () => {
  const queue = new StoredQueue(
    () => undefined,
    () => 0,
  );
  expect(queue.slowedFor(0)).toBe(0);
  queue.slowed = { untilMs: 10_500, ms: 500 };
  expect([10_000, 10_400, 10_500].map((nowMs) => queue.slowedFor(nowMs))).toEqual([500, 100, 0]);
  expect(queue.slowedFor(9_999)).toBe(0);
});
