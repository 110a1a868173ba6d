import { expect, test } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { RedisQueueAdmin, RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

/** A proxy as tools that observe an app make it: every access goes through it, with the proxy as `this`. */
function proxied<T extends object>(instance: T): T {
  return new Proxy(instance, {
    get: (target, property, receiver): unknown => Reflect.get(target, property, receiver),
  });
}

test('a client, an admin and a server work behind a Proxy', async () => {
  const server = proxied(rig.strategy());
  const app = await rig.microservice(
    { controllers: [controllerOf('echo', (data) => data)] },
    server,
  );
  await app.listen();
  const client = proxied(rig.client());
  const admin = proxied(rig.closeLater(new RedisQueueAdmin(rig.clientOptions())));
  client.on('error', () => undefined);

  expect(await client.enqueue('work', 1)).toMatchObject({ isDuplicate: false });
  expect(await client.enqueueMany('work', [2, 3])).toHaveLength(2);
  expect(await client.emit('happened', 1)).toMatchObject({ groups: 0 });
  expect(await client.emitMany('happened', [1])).toHaveLength(1);
  expect(await lastValueFrom(client.send('echo', 'x'))).toBe('x');
  expect(await admin.lengths('work')).toMatchObject({ waiting: 3 });
  expect([client.health().status, server.health().status]).toEqual(['up', 'up']);
  expect(client.unwrap()).toBe(client.unwrap());
  expect(client.status).toBeDefined();
  server.drain();
  await client.close();
  await app.close();
  await admin.close();
});

test("Nest's instanceDecorator may wrap everything that it makes", async () => {
  class AppModule {}
  const app = await NestFactory.createApplicationContext(
    { module: AppModule, imports: [RedisQueueModule.register(rig.clientOptions())] },
    {
      logger: rig.logs,
      abortOnError: false,
      instrument: {
        instanceDecorator: (instance: unknown): unknown =>
          instance instanceof RedisQueueClient || instance instanceof RedisQueueAdmin
            ? proxied(instance)
            : instance,
      },
    },
  );

  await app.get(RedisQueueClient, { strict: false }).enqueue('work', 1);
  const admin = app.get(RedisQueueAdmin, { strict: false });
  expect(await admin.lengths('work')).toMatchObject({ waiting: 1 });

  await app.close();
  await eventually(async () => expect(await rig.connections()).toEqual([]));
});
