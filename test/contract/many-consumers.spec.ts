import { expect, jest, test } from '@jest/globals';
import { Consumer } from '../../libs/redis-queue-transport/src/core/consumer/consumer.js';
import { DeliveryRunner } from '../../libs/redis-queue-transport/src/core/delivery/delivery-runner.js';
import { MessageIds } from '../../libs/redis-queue-transport/src/core/message/message-id.js';
import { DONE } from '../../libs/redis-queue-transport/src/core/delivery/outcome.js';
import { TrialTurn } from '../../libs/redis-queue-transport/src/core/consumer/trial.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { element } from './elements.js';
import { RedisWorld } from './redis-world.js';
import { nodeRuntime } from '../../libs/redis-queue-transport/src/core/process/node-runtime.js';

jest.setTimeout(120_000);

const rig = redisRig();
const world = new RedisWorld(rig);

const QUEUE = 'q';
/** Enough to show it. Set `CONSUMERS=300` for more when you run it by hand. */
const CONSUMERS = Number(process.env['CONSUMERS'] ?? 60);
const MESSAGES = 100;

async function scriptCalls(): Promise<number> {
  const stats = await rig.commands.info('commandstats');
  const calls = [...stats.matchAll(/^cmdstat_(?:eval|evalsha):calls=(\d+)/gm)];
  return calls.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Starts a consumer with connections of its own, as if in another process. */
async function startConsumer(handled: string[]): Promise<void> {
  const broker = await world.open();
  const runner = new DeliveryRunner(
    {
      run: (delivery) => {
        handled.push(delivery.envelope.id ?? '');
        return Promise.resolve(DONE);
      },
      timedOut: (_delivery, error) => ({ kind: 'failed', error }),
    },
    { retry: { attempts: 1, backoff: 'fixed', delayMs: 0, maxDelayMs: 0 } },
    nodeRuntime,
  );
  const consumer = new Consumer(
    broker,
    {
      queue: QUEUE,
      concurrency: 10,
      prefetch: 10,
      leaseMs: 60_000,
      deadLetterLimit: 100,
      deadLetterMaxAgeMs: 3_600_000,
      maxCrashes: 3,
      onceMs: undefined,
    },
    new MessageIds(nodeRuntime),
    runner,
    {},
    new TrialTurn(),
    nodeRuntime,
  );
  rig.closeLater({ close: () => consumer.stop(1_000) });
  await consumer.start();
}

test('a delayed message costs a few scripts, no matter how many consumers there are', async () => {
  const handled: string[] = [];
  for (let started = 0; started < CONSUMERS; started += 10)
    await Promise.all(Array.from({ length: 10 }, () => startConsumer(handled)));
  const sender = await world.open();
  // Once it is handled, the consumers have looked for the first time.
  await sender.push(QUEUE, 'first', element('first'), { dueMs: sender.nowMs() + 200 });
  await eventually(() => expect(handled).toEqual(['first']));

  const before = await scriptCalls();
  for (let sent = 0; sent < MESSAGES; sent += 1) {
    const id = `m${sent}`;
    // One at a time: each is due before all others, so a consumer has to be told.
    await sender.push(QUEUE, id, element(id), { dueMs: sender.nowMs() + 20 });
    await eventually(() => expect(handled).toContain(id));
  }
  const scripts = (await scriptCalls()) - before;

  // One script holds it. A few exchanges follow: by the timekeeper, and by the consumer that handles it.
  // At 20 messages a second, this is less than 100 scripts a second.
  expect(scripts / MESSAGES).toBeLessThan(5);
});
