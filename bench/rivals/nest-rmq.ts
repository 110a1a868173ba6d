import { ClientProxyFactory, Transport, type RmqContext } from '@nestjs/microservices';
import type { Contestant, Target } from '../src/contestant.js';
import { listenToStock, stockProducer } from '../src/contestants/nest.js';
import { loadClient } from './load-client.js';

/** This transport's default. */
const PREFETCH = 100;

/** The part of amqplib's channel that is used here. */
interface Channel {
  ack(message: unknown): void;
}

/** Nest's own RabbitMQ transport, set up so that nothing gets lost: durable, persistent, acknowledged. */
export const openConsumer: Contestant['openConsumer'] = async (target, settings, handler) => {
  await loadClients();
  const { transport, options } = optionsOf(target);
  const { concurrency: prefetchCount = PREFETCH } = settings;
  const acknowledged = { transport, options: { ...options, noAck: false, prefetchCount } };
  return listenToStock(acknowledged, target, settings, handler, (context) => {
    const rmq = context as RmqContext; // what this transport gives to handlers
    (rmq.getChannelRef() as Channel).ack(rmq.getMessage());
  });
};

export const openProducer: Contestant['openProducer'] = async (target, verb) => {
  await loadClients();
  return stockProducer(ClientProxyFactory.create(optionsOf(target)), target, verb);
};

async function loadClients(): Promise<void> {
  await loadClient('amqplib', () => import('amqplib'));
  await loadClient('amqp-connection-manager', () => import('amqp-connection-manager'));
}

function optionsOf({ url, queue }: Target) {
  return {
    transport: Transport.RMQ as const,
    options: {
      urls: [url],
      queue,
      queueOptions: { durable: true },
      persistent: true,
      // Without it, a lone request waits 40 ms (Nagle's algorithm and delayed acknowledgements).
      socketOptions: { connectionOptions: { noDelay: true } },
    },
  };
}
