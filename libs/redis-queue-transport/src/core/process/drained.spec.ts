import { expect, test } from '@jest/globals';
import { drained } from './drained.js';
import { nodeRuntime } from './node-runtime.js';

test('waits for running calls, even if one follows another', async () => {
  let left = 3;
  await drained(() => (left -= 1) > 0, 60_000, nodeRuntime);

  expect(left).toBe(0);
});

test('does not wait longer than told', async () => {
  const beginMs = performance.now();

  await drained(() => true, 50, nodeRuntime);

  expect(performance.now() - beginMs).toBeGreaterThanOrEqual(50);
});
