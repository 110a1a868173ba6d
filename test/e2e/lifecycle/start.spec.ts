import { describe, expect, test } from '@jest/globals';
import { Controller, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import type { AsyncMicroserviceOptions, CustomStrategy } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { findFreePort } from 'local-redis';
import {
  RedisQueueModule,
  RedisQueueServer,
  RedisUnavailableError,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { nestRig } from '../../support/nest-rig.js';
import { Stopwatch } from '../../support/stopwatch.js';
import { PingController } from './ping.controller.js';

const rig = nestRig();

const parts = { controllers: [PingController] };

describe('app.listen()', () => {
  test('fails with a typed error if there is no Redis, and leaves nothing open', async () => {
    const connection = `redis://127.0.0.1:${await findFreePort()}`;
    const app = await rig.microservice(parts, rig.strategy({ connection, connectTimeoutMs: 200 }));
    const watch = Stopwatch.start();

    const error: unknown = await app.listen().catch((reason: unknown) => reason);

    watch.expectAtMost(2_000);
    expect(error).toBeInstanceOf(RedisUnavailableError);
    expect(String(error)).toContain('ECONNREFUSED');
  });
});

describe('app.listen() with a handler with invalid options', () => {
  test.each([
    [
      { concurency: 2 },
      /The handler of "picky" has no option concurency; did you mean concurrency\?/,
    ],
    [{ leaseMs: '30s' }, /leaseMs must be a whole number of milliseconds ≥ 1000, got "30s"/],
  ])('fails and opens nothing: %p', async (extras, message) => {
    @Controller()
    class PickyController {
      @MessagePattern('picky', extras)
      picky(): never {
        throw new Error('not called');
      }
    }
    const app = await rig.microservice({ controllers: [PickyController] });

    await expect(app.listen()).rejects.toThrow(message);

    expect(await rig.connections()).toEqual([]);
  });
});

describe('a strategy', () => {
  test('may be created by a factory with dependencies', async () => {
    @Injectable()
    class Settings {
      readonly prefix = rig.prefix;
    }
    @Module({ ...parts, providers: [Settings] })
    class AppModule {}
    const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(AppModule, {
      inject: [Settings],
      useFactory: ({ prefix }: Settings) => ({ strategy: rig.strategy({ prefix }) }),
      abortOnError: false,
    });
    rig.closeLater(app);

    await app.listen();

    expect(await lastValueFrom(rig.client().send('ping', {}))).toBe('pong');
  });

  test('works in an app that is made for tests', async () => {
    const module = await Test.createTestingModule(parts).compile();
    const app = module.createNestMicroservice<CustomStrategy>({ strategy: rig.strategy() });
    rig.closeLater(app);

    await app.listen();

    expect(await lastValueFrom(rig.client().send('ping', {}))).toBe('pong');
  });

  test('is created without side effects in preview mode', async () => {
    const connection = rig.redis.url;
    @Module({ ...parts, imports: [RedisQueueModule.register({ connection })] })
    class AppModule {}

    const app = await NestFactory.createMicroservice<CustomStrategy>(AppModule, {
      strategy: new RedisQueueServer({ connection }),
      preview: true,
      abortOnError: false,
    });
    await app.init();

    await expect(app.listen()).rejects.toThrow(/preview/);
    expect(await rig.connections()).toEqual([]);
    expect(rig.logs.matching('error', /Redis/)).toEqual([]);
    await app.close();
  });
});
