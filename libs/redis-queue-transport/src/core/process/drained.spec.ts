import { expect, test } from '@jest/globals';
import { drained } from './drained.js';
import { nodeRuntime } from './node-runtime.js';

test('waits for what is under way, also where one thing follows another', async () => {
  let left = 3;
  await drained(() => (left -= 1) > 0, 60_000, nodeRuntime);

  expect(left).toBe(0);
});

test('waits for no longer than it is told', async () => {
  const beginMs = performance.now();

  await drained(() => true, 50, nodeRuntime);

  expect(performance.now() - beginMs).toBeGreaterThanOrEqual(50);
});
