import { RedisStreamClient, RedisStreamServer } from '@nestjs-redis/streams-transporter';
import type { Contestant, Target } from '../src/contestant.js';
import { listenToStock, stockProducer } from '../src/contestants/nest.js';

/** With its default of 10,000, it throws away all messages beyond that, handled or not. */
const MAX_STREAM_LENGTH = 10_000_000;

/** It handles one message at a time, and reads up to `batchSize` at once. */
export const openConsumer: Contestant['openConsumer'] = (target, settings, handler) => {
  const { concurrency, prefetch } = settings;
  const batchSize = prefetch ?? concurrency;
  const strategy = new RedisStreamServer({
    ...optionsOf(target),
    ...(batchSize === undefined ? {} : { batchSize }),
  });
  return listenToStock({ strategy }, target, settings, handler);
};

export const openProducer: Contestant['openProducer'] = (target, verb) =>
  stockProducer(new RedisStreamClient(optionsOf(target)), target, verb);

function optionsOf({ url }: Target) {
  return { url, maxStreamLength: MAX_STREAM_LENGTH };
}
