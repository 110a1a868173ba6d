import { loadPackage } from '@nestjs/common/internal.js';
import { ClientProxyFactory, Transport, type RmqContext } from '@nestjs/microservices';
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

/** As many as this transport takes by default. */
const PREFETCH = 100;

/** What of amqplib's channel is used here. */
interface Channel {
  ack(message: unknown): void;
}

/** Nest's own RabbitMQ transport as it has to be set for nothing to get lost: durable, persistent, acknowledged. */
export async function openConsumer(
  target: Target,
  settings: ConsumerSettings,
  handler: Handler,
): Promise<Consumer> {
  await loadClients();
  const { transport, options } = optionsOf(target);
  return listenWithNest(
    {
      transport,
      options: { ...options, noAck: false, prefetchCount: settings.concurrency ?? PREFETCH },
    },
    patternsOf(target, settings),
    settings.verb === 'request' ? asMessage : asEvent,
    handler,
    (context) => {
      const rmq = context as RmqContext; // what this transport gives to handlers
      (rmq.getChannelRef() as Channel).ack(rmq.getMessage());
    },
  );
}

export async function openProducer(target: Target, verb: Verb): Promise<Producer> {
  await loadClients();
  const client = ClientProxyFactory.create(optionsOf(target));
  await client.connect();
  return nestProducer(client, target.queue, verb === 'request');
}

/** Nest is installed one folder up and would look there: what is loaded already it does not look for. */
async function loadClients(): Promise<void> {
  await loadPackage('amqplib', 'bench', () => import('amqplib'));
  await loadPackage('amqp-connection-manager', 'bench', () => import('amqp-connection-manager'));
}

function optionsOf({ url, queue }: Target) {
  return {
    transport: Transport.RMQ as const,
    options: {
      urls: [url],
      queue,
      queueOptions: { durable: true },
      persistent: true,
      // Without it a lone request waits 40 ms for the two ends of the socket to agree.
      socketOptions: { connectionOptions: { noDelay: true } },
    },
  };
}
