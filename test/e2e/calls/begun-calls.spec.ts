import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Inject, Injectable } from '@nestjs/common';
import type {
  BeforeApplicationShutdown,
  OnApplicationShutdown,
  OnModuleDestroy,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientsModule } from '@nestjs/microservices';
import {
  ClientClosedError,
  OutcomeUnknownError,
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueModule,
  RedisUnavailableError,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { isPush } from '../../faults/commands.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';

const rig = nestRig();

const rejections: unknown[] = [];
const onRejection = (reason: unknown): void => void rejections.push(reason);

beforeEach(() => {
  rejections.length = 0;
  process.on('unhandledRejection', onRejection);
});

afterEach(() => {
  process.off('unhandledRejection', onRejection);
  expect(rejections).toEqual([]);
});

async function waiting(queue: string): Promise<number> {
  return (await rig.queue(queue).waiting()).length;
}

describe('close() of a client holds what was begun:', () => {
  test.each([
    ['that is connected', true],
    ['that is not connected yet', false],
  ])('the calls of one %s', async (_, isConnected) => {
    const client = rig.client();
    if (isConnected) await client.connect();

    const calls = [
      client.enqueue('work', 1),
      client.enqueueMany('work', [2, 3]),
      client.emit('happened', 4),
    ];
    await client.close();

    expect(await waiting('work')).toBe(3);
    await Promise.all(calls);
    expect(rig.logs.matching('error', /./)).toEqual([]);
  });

  test('a call whose answer takes a while', async () => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const client = rig.client({ connection: proxy.url });
    await client.enqueue('work', 'first');
    proxy.slowDown(150);

    const call = client.enqueue('work', 'second');
    await client.close();

    expect(await call).toMatchObject({ isDuplicate: false });
    expect(await waiting('work')).toBe(2);
  });

  test('a call that waits for a Redis that is away for a moment', async () => {
    const client = rig.client();
    await client.enqueue('work', 'first');
    await rig.redis.kill();
    await eventually(() => expect(client.health()).toMatchObject({ status: 'down' }));
    const call = client.enqueue('work', 'second');
    const failed = expect(Promise.resolve(call)).resolves.toMatchObject({ isDuplicate: false });

    const closing = client.close();
    await rig.redis.restart();
    await closing;

    await failed;
  });

  test('but for no longer than five seconds, and says what is not known', async () => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const client = rig.client({ connection: proxy.url, connectTimeoutMs: 60_000 });
    await client.enqueue('work', 'first');
    const held = proxy.holdReply(isPush);
    const written = client.enqueue('work', 'written').then(
      () => undefined,
      (error: unknown) => error,
    );
    await held.happened;
    proxy.refuse(true);
    proxy.cut();
    await eventually(() => expect(client.health()).toMatchObject({ status: 'down' }));
    const unsent = client.enqueue('work', 'unsent').then(
      () => undefined,
      (error: unknown) => error,
    );
    const beginMs = performance.now();

    await client.close();

    expect(performance.now() - beginMs).toBeLessThan(10_000);
    expect(await written).toBeInstanceOf(OutcomeUnknownError);
    expect(await unsent).toBeInstanceOf(RedisUnavailableError);
  });

  test('a second close() waits as well', async () => {
    const client = rig.client();
    void client.enqueue('work', 1);

    void client.close();
    await client.close();

    expect(await waiting('work')).toBe(1);
  });
});

test('close() of a RedisQueueAdmin lets running calls end', async () => {
  await rig.client().enqueue('work', 1);
  const admin = new RedisQueueAdmin(rig.clientOptions());

  const lengths = admin.lengths('work');
  const purged = admin.purge('work');
  await admin.close();

  expect(await lengths).toMatchObject({ waiting: 1 });
  expect(await purged).toBe(1);
  await expect(admin.lengths('work')).rejects.toBeInstanceOf(RedisUnavailableError);
});

describe('connect()', () => {
  test('that close() interrupts does not end the process if nobody waits for it', async () => {
    const client = rig.client({ connection: 'redis://127.0.0.1:1' });
    client.on('error', () => undefined);

    void client.connect();
    await client.close();

    await new Promise(setImmediate);
    expect(rejections).toEqual([]);
  });
});

describe('an app that ends', () => {
  @Injectable()
  class FarewellService
    implements OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
  {
    constructor(@Inject('CLIENT') private readonly client: RedisQueueClient) {}

    onModuleDestroy(): void {
      this.client.enqueue('farewell', 'destroy');
    }

    beforeApplicationShutdown(): void {
      this.client.emit('farewell', 'before');
      this.client.enqueue('farewell', 'before');
    }

    onApplicationShutdown(): void {
      this.client.enqueue('farewell', 'shutdown');
    }
  }

  const sources = [
    [
      'RedisQueueModule',
      () => RedisQueueModule.register({ name: 'CLIENT', ...rig.clientOptions() }),
    ],
    [
      "Nest's ClientsModule",
      () =>
        ClientsModule.register([
          { name: 'CLIENT', customClass: RedisQueueClient, options: rig.clientOptions() },
        ]),
    ],
  ] as const;

  test.each(sources)('holds what its hooks enqueue without waiting: %s', async (_, source) => {
    class AppModule {}
    const app = await NestFactory.createApplicationContext(
      { module: AppModule, imports: [source()], providers: [FarewellService] },
      { logger: rig.logs, abortOnError: false },
    );

    await app.close();

    expect(await waiting('farewell')).toBe(3);
  });

  test.each(sources)(
    'leaves behind a client that refuses to connect again: %s',
    async (_, source) => {
      class AppModule {}
      const app = await NestFactory.createApplicationContext(
        { module: AppModule, imports: [source()] },
        { logger: rig.logs, abortOnError: false },
      );
      const client = app.get<RedisQueueClient>('CLIENT', { strict: false });
      await client.enqueue('work', 1);
      await app.close();

      for (const call of [
        Promise.resolve(client.enqueue('work', 2)),
        Promise.resolve(client.enqueueMany('work', [2])),
        Promise.resolve(client.emit('work', 2)),
        lastValueFrom(client.send('work', 2)),
        client.connect(),
      ]) {
        const error: unknown = await call.catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(ClientClosedError);
        expect(error).toMatchObject({ code: 'CLIENT_CLOSED' });
      }
      await client.close();
      await eventually(async () => expect(await rig.connections()).toEqual([]));
      expect(await waiting('work')).toBe(1);
    },
  );

  test('leaves nothing to refuse if a program closes its own client: a later call connects again', async () => {
    const client = rig.client();
    await client.enqueue('work', 1);
    await client.close();

    await client.enqueue('work', 2);

    expect(await waiting('work')).toBe(2);
  });
});
