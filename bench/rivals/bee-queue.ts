import BeeQueue from 'bee-queue';
import { nowMs } from '../src/clock.js';
import { patternsOf } from '../src/contestant.js';
import type {
  Consumer,
  ConsumerSettings,
  Handler,
  Producer,
  Target,
  Verb,
} from '../src/contestant.js';

const DEFAULT_CONCURRENCY = 100;
const CLOSE_MS = 2_000;

/** What it tells others is of no use here; without it it is faster. */
const QUIET = { getEvents: false, sendEvents: false, storeJobs: false };

export async function openConsumer(
  target: Target,
  settings: ConsumerSettings,
  handler: Handler,
): Promise<Consumer> {
  const { concurrency = DEFAULT_CONCURRENCY } = settings;
  const queues = patternsOf(target, settings).map(
    (name) =>
      new BeeQueue<unknown>(name, {
        ...QUIET,
        redis: redisOf(target),
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
}

export async function openProducer(target: Target, _verb: Verb): Promise<Producer> {
  const queue = new BeeQueue<unknown>(target.queue, {
    ...QUIET,
    redis: redisOf(target),
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
}

function redisOf({ url }: Target) {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
