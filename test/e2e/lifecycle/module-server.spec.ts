import { describe, expect, test } from '@jest/globals';
import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import type { AsyncMicroserviceOptions } from '@nestjs/microservices';
import {
  InvalidOptionError,
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueModule,
  RedisQueueServer,
  redisQueueAdminToken,
  redisQueueServerToken,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueSettings } from 'nestjs-redis-queue-transport';
import { msgpackCodec } from 'nestjs-redis-queue-transport/msgpack';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();
const warnings = (): string[] => rig.logs.matching('warn', /./);

@Controller()
class ProbeController {
  constructor(
    @Inject(RedisQueueServer) readonly server: RedisQueueServer,
    @Inject(RedisQueueClient) readonly client: RedisQueueClient,
  ) {}

  @MessagePattern('probe')
  probe(): string {
    return this.server.health().status;
  }

  @EventPattern<string>('stop', { durable: true })
  stop(): void {
    this.server.drain();
  }
}

const settings = (): RedisQueueSettings => ({
  ...rig.clientOptions({ codec: msgpackCodec }),
  server: { group: 'probes' },
});

@Injectable()
class Config {
  readonly settings = settings();
}

@Module({ providers: [Config], exports: [Config] })
class ConfigModule {}

describe('a server beside the client of a module', () => {
  const modules: readonly [string, () => ReturnType<typeof RedisQueueModule.register>][] = [
    ['register', () => RedisQueueModule.register(settings())],
    [
      'registerAsync',
      () =>
        RedisQueueModule.registerAsync({
          imports: [ConfigModule],
          inject: [Config],
          useFactory: (config: Config) => config.settings,
        }),
    ],
  ];

  test.each(modules)('serves a microservice, and can be injected: %s', async (_, module) => {
    @Module({ imports: [module()], controllers: [ProbeController] })
    class AppModule {}
    const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(AppModule, {
      ...RedisQueueModule.microservice(),
      abortOnError: false,
    });
    rig.closeLater(app);
    await app.listen();

    // With the client's own codec, prefix and connection.
    const client = app.get(RedisQueueClient);
    expect(await lastValueFrom(client.send('probe', {}))).toBe('up');
    await client.emit('stop', {});
    await eventually(async () =>
      expect(await rig.commands.exists(`${rig.prefix}:{probe}:consumers`)).toBe(1),
    );
    expect(app.get(ProbeController).server).toBe(app.get(RedisQueueServer));
    expect(warnings()).toEqual([]);
  });

  test('serves a hybrid app', async () => {
    const app = await rig.application({
      imports: [RedisQueueModule.register(settings())],
      controllers: [ProbeController],
    });
    app.connectMicroservice(RedisQueueModule.microservice());
    await app.startAllMicroservices();
    await app.init();

    expect(await lastValueFrom(app.get(RedisQueueClient).send('probe', {}))).toBe('up');
    expect(warnings()).toEqual([]);
  });

  test('has a token by the name of its client, and its own options', async () => {
    const server = { prefix: `${rig.prefix}:own`, connection: undefined };
    const app = await rig.application({
      imports: [RedisQueueModule.register({ ...rig.clientOptions(), name: 'SLOW', server })],
    });
    app.connectMicroservice(RedisQueueModule.microservice({ name: 'SLOW' }));
    await app.startAllMicroservices();

    expect(app.get<RedisQueueServer>(redisQueueServerToken('SLOW')).health().status).toBe('up');
    expect(rig.logs.matching('warn', new RegExp(`prefix "${rig.prefix}:own"`))).toHaveLength(1);
  });

  test('has its options checked where they are written', () => {
    const server = { concurency: 1 } as object;
    expect(() => RedisQueueModule.register({ ...rig.clientOptions(), server })).toThrow(
      /did you mean concurrency/,
    );
  });

  test('is reported if nothing starts it', async () => {
    const app = await rig.application({ imports: [RedisQueueModule.register(settings())] });
    await app.init();

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatch(/server that nothing starts.*RedisQueueModule\.microservice\(\)/);
  });

  test('that is missing gives a clear error', async () => {
    const app = await rig.application({
      imports: [RedisQueueModule.register(rig.clientOptions())],
    });

    expect(() => app.connectMicroservice(RedisQueueModule.microservice())).toThrow(
      InvalidOptionError,
    );
  });
});

describe('two named clients in one module', () => {
  const imports = () => [
    RedisQueueModule.register({ ...rig.clientOptions(), name: 'A' }),
    RedisQueueModule.register({ ...rig.clientOptions({ prefix: `${rig.prefix}:b` }), name: 'B' }),
  ];

  async function appWith(provider: Type) {
    const app = await rig.application({ imports: imports(), providers: [provider] });
    await app.init();
    return app;
  }

  test('each have an admin with a token of its name', async () => {
    @Injectable()
    class Keeper {
      constructor(
        @Inject(redisQueueAdminToken('A')) readonly a: RedisQueueAdmin,
        @Inject(redisQueueAdminToken('B')) readonly b: RedisQueueAdmin,
      ) {}
    }
    const app = await appWith(Keeper);
    await app.get<RedisQueueClient>('B').enqueue('work', 1);
    const { a, b } = app.get(Keeper);

    expect([await a.queues(), await b.queues()]).toEqual([[], ['work']]);
    expect(warnings()).toEqual([]);
  });

  test('give a warning if an admin is injected by its class', async () => {
    @Injectable()
    class Keeper {
      constructor(@Inject(RedisQueueAdmin) readonly admin: RedisQueueAdmin) {}
    }
    await appWith(Keeper);

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatch(
      /Keeper of AppModule gets one of 2 RedisQueueAdmins.*redisQueueAdminToken\(name\)/s,
    );
  });
});
