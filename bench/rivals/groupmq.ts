import { Queue, Worker } from 'groupmq';
import { Redis } from 'ioredis';
import { DEFAULT_CONCURRENCY, keyOf, patternsOf } from '../src/contestant.js';
import type { Contestant } from '../src/contestant.js';

/** It sets what a worker needs on its own connections; ours only has to exist. */
function queueOf(redis: Redis, namespace: string): Queue {
  return new Queue({ redis, namespace });
}

export const openConsumer: Contestant['openConsumer'] = async (target, settings, handler) => {
  const { concurrency = DEFAULT_CONCURRENCY } = settings;
  const redis = new Redis(target.url, { maxRetriesPerRequest: null });
  const workers = patternsOf(target, settings).map(
    (name) =>
      new Worker({
        queue: queueOf(redis, name),
        concurrency,
        handler: async ({ data }) => handler(data),
      }),
  );
  for (const worker of workers) void worker.run();
  await redis.ping();
  return {
    close: async () => {
      await Promise.all(workers.map((worker) => worker.close()));
      redis.disconnect();
    },
  };
};

export const openProducer: Contestant['openProducer'] = async ({ url, queue: name }) => {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  const queue = queueOf(redis, name);
  await redis.ping();
  return {
    send: (message, done) => {
      queue.add({ groupId: keyOf(message), data: message }).then(() => done(undefined), done);
    },
    close: async () => {
      await queue.close();
      redis.disconnect();
    },
  };
};
