import { EventPattern, MessagePattern } from '@nestjs/microservices';
import {
  InvalidOptionError,
  RedisQueueClient,
  RedisQueueRecordBuilder,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';
import { nowMs } from '../clock.js';
import { NotOffered, keyOf, patternsOf } from '../contestant.js';
import type {
  Consumer,
  ConsumerSettings,
  Done,
  Handler,
  Producer,
  Target,
  Verb,
} from '../contestant.js';
import type { BenchMessage } from '../message.js';
import { asEvent, asMessage, listenWithNest, subscribe } from './nest.js';
import type { Bind } from './nest.js';

/** This transport, with its default options except for those that the workload sets. */
export async function openConsumer(
  target: Target,
  settings: ConsumerSettings,
  handler: Handler,
): Promise<Consumer> {
  const { batch, limit } = settings;
  const bind: Bind =
    limit === undefined ? bindFor(settings.verb) : (pattern) => MessagePattern(pattern, { limit });
  return listenWithNest(
    { strategy: serverOf(target, settings) },
    patternsOf(target, settings),
    batch === undefined ? bind : (pattern) => MessagePattern(pattern, { batch: { size: batch } }),
    batch === undefined ? handler : (messages) => (messages as unknown[]).forEach(handler), // as the batch promises
  );
}

function bindFor(verb: Verb): Bind {
  switch (verb) {
    case 'broadcast':
      return asEvent;
    case 'durable':
      // Each process is a group of its own.
      return (pattern) => EventPattern<string>(pattern, { group: `group-${process.pid}` });
    case 'push':
    case 'request':
    case 'delay':
    case 'keyed':
      return asMessage;
  }
}

function serverOf({ url }: Target, { concurrency, prefetch }: ConsumerSettings): RedisQueueServer {
  const options = { connection: url, concurrency, ...(prefetch === undefined ? {} : { prefetch }) };
  try {
    return new RedisQueueServer(options);
  } catch (error) {
    if (error instanceof InvalidOptionError) throw new NotOffered(error.message);
    throw error;
  }
}

export async function openProducer({ url, queue }: Target, verb: Verb): Promise<Producer> {
  const client = new RedisQueueClient({ connection: url });
  await client.connect();
  return { send: senderOf(client, queue, verb), close: () => client.close() };
}

function senderOf(client: RedisQueueClient, pattern: string, verb: Verb): Producer['send'] {
  switch (verb) {
    case 'push':
      return (message, done) => subscribe(client.enqueue(pattern, message), done);
    case 'request':
      return (message, done) => subscribe(client.send(pattern, message), done);
    case 'broadcast':
    case 'durable':
      return (message, done) => subscribe(client.emit(pattern, message), done);
    case 'delay':
      return (message, done) => sendLater(client, pattern, message, done);
    case 'keyed':
      return (message, done) =>
        subscribe(client.enqueue(pattern, message, { key: keyOf(message) }), done);
  }
}

function sendLater(
  client: RedisQueueClient,
  pattern: string,
  message: BenchMessage,
  done: Done,
): void {
  const record = new RedisQueueRecordBuilder(message);
  if (message.dueAt > 0) record.delay(Math.round(message.dueAt - nowMs()));
  subscribe(client.enqueue(pattern, record.build()), done);
}
