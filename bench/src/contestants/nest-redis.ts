import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { hostAndPort } from '../contestant.js';
import type { Contestant, Target } from '../contestant.js';
import { listenToStock, stockProducer } from './nest.js';

/** Nest's own Redis transport: pub/sub. */
export const openConsumer: Contestant['openConsumer'] = (target, settings, handler) =>
  listenToStock(optionsOf(target), target, settings, handler);

export const openProducer: Contestant['openProducer'] = (target, verb) =>
  stockProducer(ClientProxyFactory.create(optionsOf(target)), target, verb);

function optionsOf(target: Target) {
  return { transport: Transport.REDIS as const, options: hostAndPort(target) };
}
