import { Queue, QueueEvents, Worker, type ConnectionOptions, type JobsOptions } from 'bullmq';
import { nowMs } from '../src/clock.js';
import { DEFAULT_CONCURRENCY, hostAndPort, patternsOf } from '../src/contestant.js';
import type { Contestant, Done, Target } from '../src/contestant.js';
import type { BenchMessage } from '../src/message.js';

const REPLY_DEADLINE_MS = 60_000;
/** A caller that waits for a result needs it to be still there. */
const KEPT_RESULTS = 1_000;

export const openConsumer: Contestant['openConsumer'] = async (target, settings, handler) => {
  const { concurrency = DEFAULT_CONCURRENCY } = settings;
  const handle = async ({ data }: { readonly data: unknown }): Promise<unknown> => handler(data);
  const consumers = patternsOf(target, settings).map(
    (name) => new Worker(name, handle, { connection: connectionOf(target), concurrency }),
  );
  await Promise.all(consumers.map((consumer) => consumer.waitUntilReady()));
  return {
    close: async () => {
      await Promise.all(consumers.map((consumer) => consumer.close()));
    },
  };
};

export const openProducer: Contestant['openProducer'] = async (target, verb) => {
  const queue = new Queue(target.queue, { connection: connectionOf(target) });
  await queue.waitUntilReady();
  if (verb !== 'request') {
    return {
      send: (message, done) => add(queue, message, done),
      close: () => queue.close(),
    };
  }
  queue.setMaxListeners(0); // each waiting caller listens
  const events = new QueueEvents(target.queue, { connection: connectionOf(target) });
  await events.waitUntilReady();
  return {
    send: (message, done) => void request(queue, events, message, done),
    close: async () => {
      await events.close();
      await queue.close();
    },
  };
};

function add(queue: Queue, message: BenchMessage, done: Done): void {
  // Without it, all handled jobs stay in Redis.
  const options: JobsOptions = { removeOnComplete: true };
  if (message.dueAt > 0) options.delay = Math.round(message.dueAt - nowMs());
  queue.add('message', message, options).then(() => done(undefined), done);
}

async function request(
  queue: Queue,
  events: QueueEvents,
  message: BenchMessage,
  done: Done,
): Promise<void> {
  try {
    const options = { removeOnComplete: { count: KEPT_RESULTS } };
    const added = await queue.add('message', message, options);
    done(undefined, await added.waitUntilFinished(events, REPLY_DEADLINE_MS));
  } catch (error) {
    done(error);
  }
}

function connectionOf(target: Target): ConnectionOptions {
  return { ...hostAndPort(target), maxRetriesPerRequest: null };
}
