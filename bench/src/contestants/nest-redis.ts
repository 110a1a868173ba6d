import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { patternsOf } from '../contestant.js';
import type { Consumer, ConsumerSettings, Handler, Producer, Target, Verb } from '../contestant.js';
import { asEvent, asMessage, listenWithNest, nestProducer } from './nest.js';

/** Nest's own Redis transport: pub/sub. */
export async function openConsumer(
  target: Target,
  settings: ConsumerSettings,
  handler: Handler,
): Promise<Consumer> {
  return listenWithNest(
    optionsOf(target),
    patternsOf(target, settings),
    settings.verb === 'request' ? asMessage : asEvent,
    handler,
  );
}

export async function openProducer(target: Target, verb: Verb): Promise<Producer> {
  const client = ClientProxyFactory.create(optionsOf(target));
  await client.connect();
  return nestProducer(client, target.queue, verb === 'request');
}

function optionsOf({ url }: Target) {
  const { hostname, port } = new URL(url);
  return { transport: Transport.REDIS as const, options: { host: hostname, port: Number(port) } };
}
