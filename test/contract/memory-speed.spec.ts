import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { Consumer } from '../../libs/redis-queue-transport/src/core/consumer/consumer.js';
import { TrialTurn } from '../../libs/redis-queue-transport/src/core/consumer/trial.js';
import { DeliveryRunner } from '../../libs/redis-queue-transport/src/core/delivery/delivery-runner.js';
import { DONE } from '../../libs/redis-queue-transport/src/core/delivery/outcome.js';
import { MessageIds } from '../../libs/redis-queue-transport/src/core/message/message-id.js';
import { nodeRuntime } from '../../libs/redis-queue-transport/src/core/process/node-runtime.js';
import { element } from './elements.js';
import { MemoryWorld } from './memory-world.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

const QUEUE = 'q';
const HANDLED = 5_000;
const BACKLOG = 100_000;
/** What moved a long list for each message would be tens of times as slow; a busy machine is not. */
const MOST_TIMES_SLOWER = 6;

/** Handles this many of those that wait, and returns how many ms that took. */
async function handle(broker: Broker, count: number): Promise<number> {
  let handled = 0;
  let consumer: Consumer | undefined;
  const start = nodeRuntime.now();
  await new Promise<void>((resolve, reject) => {
    const run = async (): Promise<typeof DONE> => {
      handled += 1;
      if (handled === count) resolve();
      return DONE;
    };
    const runner = new DeliveryRunner(
      { run, timedOut: (_, error) => ({ kind: 'failed', error }) },
      { retry: { attempts: 1, backoff: 'fixed', delayMs: 0, maxDelayMs: 0 } },
      nodeRuntime,
    );
    consumer = new Consumer(
      broker,
      {
        queue: QUEUE,
        concurrency: 50,
        prefetch: 50,
        leaseMs: 30_000,
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
    consumer.start().catch(reject);
  });
  const tookMs = nodeRuntime.now() - start;
  await consumer?.stop(1_000);
  return tookMs;
}

describe('in memory, a consumer', () => {
  test('handles a message as quickly however many wait behind it', async () => {
    const broker = await world.open();
    const names = Array.from({ length: 1_000 }, (_, n) => `m${n}`);
    const pushAll = async (count: number): Promise<void> => {
      for (let pushed = 0; pushed < count; pushed += names.length)
        await Promise.all(names.map((name) => broker.push(QUEUE, name, element(name))));
    };

    await pushAll(HANDLED);
    await handle(broker, HANDLED);
    await pushAll(HANDLED);
    const shortMs = await handle(broker, HANDLED);

    await pushAll(BACKLOG);
    const longMs = await handle(broker, HANDLED);

    expect(longMs / shortMs).toBeLessThan(MOST_TIMES_SLOWER);
  });
});
