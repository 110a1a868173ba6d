import { expect, test } from '@jest/globals';
import { ProcessRuntime } from './process-runtime.js';
import { Random } from './random.js';
import { VirtualTime } from './virtual-time.js';

test('what a frozen process could not run keeps its order, even if it freezes again before', async () => {
  const time = new VirtualTime();
  const runtime = new ProcessRuntime(time, new Random('any'), { rate: 1, wallAheadMs: 0 });
  const ran: string[] = [];

  runtime.freeze(100);
  runtime.post(50, () => ran.push('first'));
  time.at(60, () => runtime.freeze(200));
  runtime.post(80, () => ran.push('second'));
  await time.pass(1_000, () => false);

  expect(ran).toEqual(['first', 'second']);
});

test('the monotonic clock never goes back, even if the machine sleeps while it computes', async () => {
  const time = new VirtualTime();
  const runtime = new ProcessRuntime(time, new Random('any'), { rate: 1, wallAheadMs: 0 });

  runtime.compute(450);
  const computed = runtime.now();
  time.at(50, () => runtime.sleep(5_000));
  await time.pass(60, () => false);
  const asleep = runtime.now();
  await time.pass(10_000, () => false);

  expect(asleep).toBe(computed);
  expect(runtime.now()).toBe(computed - 450 + 5_000);
});
