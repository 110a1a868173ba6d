import { RedisStreamClient, RedisStreamServer } from '@nestjs-redis/streams-transporter';
import { asEvent, asMessage, listenWithNest, nestProducer } from '../src/contestants/nest.js';
import { patternsOf } from '../src/contestant.js';
import type {
  Consumer,
  ConsumerSettings,
  Handler,
  Producer,
  Target,
  Verb,
} from '../src/contestant.js';

/** With its default of 10,000 it throws away what is beyond, handled or not. */
const MAX_STREAM_LENGTH = 10_000_000;

/** It handles one message at a time, and reads up to `batchSize` at once. */
export async function openConsumer(
  target: Target,
  settings: ConsumerSettings,
  handler: Handler,
): Promise<Consumer> {
  const { verb, concurrency, prefetch } = settings;
  const batchSize = prefetch ?? concurrency;
  const strategy = new RedisStreamServer({
    ...optionsOf(target),
    ...(batchSize === undefined ? {} : { batchSize }),
  });
  return listenWithNest(
    { strategy },
    patternsOf(target, settings),
    verb === 'request' ? asMessage : asEvent,
    handler,
  );
}

export async function openProducer(target: Target, verb: Verb): Promise<Producer> {
  const client = new RedisStreamClient(optionsOf(target));
  await client.connect();
  return nestProducer(client, target.queue, verb === 'request');
}

function optionsOf({ url }: Target) {
  return { url, maxStreamLength: MAX_STREAM_LENGTH };
}
