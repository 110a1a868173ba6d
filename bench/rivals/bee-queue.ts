import BeeQueue from 'bee-queue';
import { nowMs } from '../src/clock.js';
import { DEFAULT_CONCURRENCY, hostAndPort, patternsOf } from '../src/contestant.js';
import type { Contestant } from '../src/contestant.js';

const CLOSE_MS = 2_000;

/** It is faster without the events that it sends to others, which nobody needs here. */
const QUIET = { getEvents: false, sendEvents: false, storeJobs: false };

export const openConsumer: Contestant['openConsumer'] = async (target, settings, handler) => {
  const { concurrency = DEFAULT_CONCURRENCY } = settings;
  const queues = patternsOf(target, settings).map(
    (name) =>
      new BeeQueue<unknown>(name, {
        ...QUIET,
        redis: hostAndPort(target),
        removeOnSuccess: true,
        activateDelayedJobs: true,
      }),
  );
  await Promise.all(queues.map((queue) => queue.ready()));
  for (const queue of queues) queue.process(concurrency, async ({ data }) => handler(data));
  return {
    close: async () => {
      await Promise.all(queues.map((queue) => queue.close(CLOSE_MS)));
    },
  };
};

export const openProducer: Contestant['openProducer'] = async (target) => {
  const queue = new BeeQueue<unknown>(target.queue, {
    ...QUIET,
    redis: hostAndPort(target),
    isWorker: false,
  });
  await queue.ready();
  return {
    send: (message, done) => {
      const envelope = queue.createJob(message);
      if (message.dueAt > 0) envelope.delayUntil(Date.now() + Math.round(message.dueAt - nowMs()));
      envelope.save().then(() => done(undefined), done);
    },
    close: () => queue.close(CLOSE_MS),
  };
};
