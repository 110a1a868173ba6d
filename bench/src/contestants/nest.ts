import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  type ClientProxy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { patternsOf } from '../contestant.js';
import type {
  Consumer,
  ConsumerSettings,
  Done,
  Handler,
  Producer,
  Target,
  Verb,
} from '../contestant.js';

/** How the methods of the controller are decorated. */
export type Bind = (pattern: string) => MethodDecorator;

export const asMessage: Bind = (pattern) => MessagePattern(pattern);
export const asEvent: Bind = (pattern) => EventPattern<string>(pattern);

/**
 * Listens as a Nest microservice with one controller, which has a method for each pattern. For transports that leave
 * settling to the user, `settle` does it after the handler.
 */
export async function listenWithNest(
  options: MicroserviceOptions,
  patterns: readonly string[],
  bind: Bind,
  handler: Handler,
  settle?: (context: unknown) => void,
): Promise<Consumer> {
  class BenchController {}
  const prototype: object = BenchController.prototype;
  for (const [n, pattern] of patterns.entries()) {
    const name = `handle${n}`;
    const descriptor = { value: settle ? settling(handler, settle) : justData(handler) };
    Object.defineProperty(prototype, name, descriptor);
    Payload()(prototype, name, 0);
    if (settle) Ctx()(prototype, name, 1);
    bind(pattern)(prototype, name, descriptor);
  }
  Controller()(BenchController);

  class BenchModule {}
  Module({ controllers: [BenchController] })(BenchModule);

  const logger = ['error', 'warn'] as const;
  const app = await NestFactory.createMicroservice(BenchModule, {
    ...options,
    logger: [...logger],
  });
  await app.listen();
  return { close: () => app.close() };
}

function justData(handler: Handler) {
  return (data: unknown) => handler(data);
}

function settling(handler: Handler, settle: (context: unknown) => void) {
  return async (data: unknown, context: unknown) => {
    const result: unknown = await handler(data);
    settle(context);
    return result;
  };
}

/** A class and not a literal: V8 would allocate literals that are in flight in the old generation, or not, by chance. */
class LastValue {
  #last: unknown;

  constructor(private readonly done: Done) {}

  next(value: unknown): void {
    this.#last = value;
  }

  error(error: unknown): void {
    this.done(error ?? new Error('failed'));
  }

  complete(): void {
    this.done(undefined, this.#last);
  }
}

/** Passes the last value to `done`, as `lastValueFrom` would return it. */
export function subscribe(call: Observable<unknown>, done: Done): void {
  call.subscribe(new LastValue(done));
}

/** The part of a stock client that is used, whatever its statuses. */
export type StockClient = Pick<ClientProxy, 'send' | 'emit' | 'connect' | 'close'>;

/** Listens like a stock server: everything but requests comes as events. */
export function listenToStock(
  options: MicroserviceOptions,
  target: Target,
  settings: ConsumerSettings,
  handler: Handler,
  settle?: (context: unknown) => void,
): Promise<Consumer> {
  const bind = settings.verb === 'request' ? asMessage : asEvent;
  return listenWithNest(options, patternsOf(target, settings), bind, handler, settle);
}

/** Sends like a stock client: everything but requests by `emit`. */
export async function stockProducer(
  client: StockClient,
  { queue }: Target,
  verb: Verb,
): Promise<Producer> {
  await client.connect();
  const isRequest = verb === 'request';
  return {
    send: (message, done) =>
      subscribe(isRequest ? client.send(queue, message) : client.emit(queue, message), done),
    close: async () => {
      await client.close();
    },
  };
}
