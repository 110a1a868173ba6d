import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import type { Contestant, Target } from '../src/contestant.js';
import { listenToStock, stockProducer } from '../src/contestants/nest.js';
import { loadClient } from './load-client.js';

/** Nest's own NATS transport: at most once, like NATS itself. */
export const openConsumer: Contestant['openConsumer'] = async (target, settings, handler) => {
  await loadNats();
  return listenToStock(optionsOf(target), target, settings, handler);
};

export const openProducer: Contestant['openProducer'] = async (target, verb) => {
  await loadNats();
  return stockProducer(ClientProxyFactory.create(optionsOf(target)), target, verb);
};

function loadNats(): Promise<void> {
  return loadClient('@nats-io/transport-node', () => import('@nats-io/transport-node'));
}

function optionsOf({ url }: Target) {
  return { transport: Transport.NATS as const, options: { servers: [url] } };
}
