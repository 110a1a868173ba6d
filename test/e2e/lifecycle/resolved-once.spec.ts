import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { RedisQueueAdmin, RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';
import type { RedisQueueEventOptions } from 'nestjs-redis-queue-transport';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

/** Counts how often one of its properties is read. */
function watched<T extends object>(
  values: T,
  property: keyof T,
): { readonly object: T; readonly reads: () => number } {
  let reads = 0;
  const value = values[property];
  const get = (): unknown => {
    reads += 1;
    return value;
  };
  const object = Object.defineProperty({ ...values }, property, { get, enumerable: true });
  return { object, reads: () => reads };
}

test('a module reads its connection once, for its client, its admin and its server', async () => {
  const { object: connection, reads } = watched(
    { host: '127.0.0.1', port: rig.redis.port },
    'host',
  );
  class AppModule {}
  const imports = [RedisQueueModule.register({ connection, prefix: rig.prefix, server: {} })];
  const controllers = [controllerOf('work', (data) => data)];
  const app = rig.closeLater(
    await NestFactory.createMicroservice(
      { module: AppModule, imports, controllers },
      RedisQueueModule.microservice(),
    ),
  );
  await app.listen();
  await app.get(RedisQueueClient).enqueue('work', 1);
  await app.get(RedisQueueAdmin).overview();

  expect(reads()).toBe(2); // once to check it, once to copy it
});

test.each<[string, boolean, RedisQueueEventOptions]>([
  ['messages', false, {}],
  ['durable events', true, { group: 'books' }],
  ['live events', true, {}],
])('a server resolves the options of a handler once: %s', async (_, isEvent, more) => {
  const { object, reads } = watched({ concurrency: 5, ...more }, 'concurrency');
  const server = rig.closeLater(rig.strategy());
  server.addHandler('work', () => Promise.resolve(), isEvent, object);
  await promisify((done: (error?: unknown) => void) => server.listen(done))();

  expect(reads()).toBe(1);
});
