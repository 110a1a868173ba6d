import { loadPackage } from '@nestjs/common/internal.js';
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
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

/** Nest's own NATS transport: at most once, like NATS itself. */
export async function openConsumer(
  target: Target,
  settings: ConsumerSettings,
  handler: Handler,
): Promise<Consumer> {
  await loadClient();
  return listenWithNest(
    optionsOf(target),
    patternsOf(target, settings),
    settings.verb === 'request' ? asMessage : asEvent,
    handler,
  );
}

export async function openProducer(target: Target, verb: Verb): Promise<Producer> {
  await loadClient();
  const client = ClientProxyFactory.create(optionsOf(target));
  await client.connect();
  return nestProducer(client, target.queue, verb === 'request');
}

/** Nest is installed one folder up and would look there: what is loaded already it does not look for. */
async function loadClient(): Promise<void> {
  await loadPackage('@nats-io/transport-node', 'bench', () => import('@nats-io/transport-node'));
}

function optionsOf({ url }: Target) {
  return { transport: Transport.NATS as const, options: { servers: [url] } };
}
