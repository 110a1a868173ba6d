import { describe, expect, test } from '@jest/globals';
import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import type { DynamicModule, INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Client, ClientsModule, MessagePattern } from '@nestjs/microservices';
import type {
  ClientOptions,
  ClientProvider,
  ClientsModuleOptionsFactory,
  CustomClientOptions,
} from '@nestjs/microservices';
import {
  InvalidOptionError,
  RedisQueueClient,
  RedisQueueModule,
} from 'nestjs-redis-queue-transport';
import type {
  RedisQueueClientOptions,
  RedisQueueOptionsFactory,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

@Controller()
class EchoController {
  @MessagePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }
}

async function serve(): Promise<void> {
  await rig.serve({ controllers: [EchoController] });
}

/** An app with what the test registers, and a consumer of it. */
async function contextOf(
  imports: (Type | DynamicModule)[],
  consumer: Type<{ readonly client: RedisQueueClient }>,
  providers: Type[] = [],
): Promise<{ app: INestApplicationContext; client: RedisQueueClient }> {
  @Module({ imports, providers: [consumer, ...providers], exports: [consumer] })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { abortOnError: false });
  rig.closeLater(app);
  return { app, client: app.get(consumer).client };
}

async function expectToWork(client: RedisQueueClient): Promise<void> {
  expect(client).toBeInstanceOf(RedisQueueClient);
  expect(await lastValueFrom(client.send<string>('echo', 'hello'))).toBe('hello');
  await lastValueFrom(client.enqueue('echo', 'hello'));
}

async function expectToClose(app: INestApplicationContext): Promise<void> {
  const ours = async (): Promise<string[]> =>
    (await rig.connections()).filter((name) => name.startsWith('rq-replies'));
  expect(await ours()).not.toEqual([]);
  await app.close();
  await eventually(async () => expect(await ours()).toEqual([]));
}

@Injectable()
class ByClass {
  constructor(readonly client: RedisQueueClient) {}
}

@Injectable()
class ByName {
  constructor(@Inject('ORDERS') readonly client: RedisQueueClient) {}
}

/** A module that does not import the library. */
@Module({ providers: [ByClass], exports: [ByClass] })
class FeatureModule {}

@Injectable()
class ThroughFeature {
  readonly client: RedisQueueClient;

  constructor(inner: ByClass) {
    this.client = inner.client;
  }
}

describe('RedisQueueModule.register', () => {
  test('provides the client by its class', async () => {
    await serve();

    const { app, client } = await contextOf(
      [RedisQueueModule.register({ ...rig.clientOptions() })],
      ByClass,
    );

    await expectToWork(client);
    await expectToClose(app);
  });

  test('provides several clients by name', async () => {
    await serve();
    @Injectable()
    class Both {
      constructor(
        @Inject('ORDERS') readonly client: RedisQueueClient,
        @Inject('STOCK') readonly stock: RedisQueueClient,
        readonly unnamed: RedisQueueClient,
      ) {}
    }
    const options = rig.clientOptions();

    const { app, client } = await contextOf(
      [
        RedisQueueModule.register({ ...options, name: 'ORDERS' }),
        RedisQueueModule.register({ ...options, name: 'STOCK', prefix: 'elsewhere' }),
        RedisQueueModule.register({ ...options }),
      ],
      Both,
    );

    const { stock, unnamed } = app.get(Both);
    expect(new Set([client, stock, unnamed]).size).toBe(3);
    await expectToWork(client);
    await expectToWork(unnamed);
    await expect(lastValueFrom(stock.send('echo', 1))).rejects.toThrow(
      /no matching message handler/,
    );
    await expectToClose(app);
  });

  test('provides it to every module with isGlobal, and otherwise to those that import it', async () => {
    await serve();
    const register = (isGlobal: boolean): (Type | DynamicModule)[] => [
      RedisQueueModule.register({ ...rig.clientOptions(), isGlobal }),
      FeatureModule,
    ];

    await expect(contextOf(register(false), ThroughFeature)).rejects.toThrow(/ByClass/);
    const { client } = await contextOf(register(true), ThroughFeature);
    await expectToWork(client);
  });

  test('refuses wrong options at the call', () => {
    expect(() => RedisQueueModule.register({ requestTimeoutMs: 0 })).toThrow(InvalidOptionError);
    const misspelt = { conection: rig.redis.url } as RedisQueueClientOptions;
    expect(() => RedisQueueModule.register(misspelt)).toThrow(/did you mean connection\?/);
  });

  test('works without options', async () => {
    const { client } = await contextOf([RedisQueueModule.register()], ByClass);

    expect(client).toBeInstanceOf(RedisQueueClient);
  });
});

@Injectable()
class Settings {
  options(): RedisQueueClientOptions {
    return rig.clientOptions();
  }
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Injectable()
class OptionsFactory implements RedisQueueOptionsFactory {
  createRedisQueueOptions(): RedisQueueClientOptions {
    return rig.clientOptions();
  }
}

@Injectable()
class AsyncOptionsFactory implements RedisQueueOptionsFactory {
  constructor(private readonly settings: Settings) {}

  async createRedisQueueOptions(): Promise<RedisQueueClientOptions> {
    await new Promise(setImmediate);
    return this.settings.options();
  }
}

@Module({
  imports: [SettingsModule],
  providers: [AsyncOptionsFactory],
  exports: [AsyncOptionsFactory],
})
class FactoryModule {}

describe('RedisQueueModule.registerAsync', () => {
  const ways: readonly [string, () => DynamicModule][] = [
    [
      'useFactory',
      () =>
        RedisQueueModule.registerAsync({ name: 'ORDERS', useFactory: () => rig.clientOptions() }),
    ],
    [
      'useFactory, asynchronous and with dependencies',
      () =>
        RedisQueueModule.registerAsync({
          name: 'ORDERS',
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: async (settings: Settings) => {
            await new Promise(setImmediate);
            return settings.options();
          },
        }),
    ],
    [
      'useClass',
      () => RedisQueueModule.registerAsync({ name: 'ORDERS', useClass: OptionsFactory }),
    ],
    [
      'useClass, asynchronous and with dependencies',
      () =>
        RedisQueueModule.registerAsync({
          name: 'ORDERS',
          imports: [SettingsModule],
          useClass: AsyncOptionsFactory,
        }),
    ],
    [
      'useExisting',
      () =>
        RedisQueueModule.registerAsync({
          name: 'ORDERS',
          imports: [FactoryModule],
          useExisting: AsyncOptionsFactory,
        }),
    ],
  ];

  test('says so if a factory returns nothing', async () => {
    const forgetful = (() => undefined) as unknown as () => RedisQueueClientOptions;

    const context = contextOf([RedisQueueModule.registerAsync({ useFactory: forgetful })], ByClass);

    await expect(context).rejects.toThrow(
      'options must be an object with the options of RedisQueueClient, got undefined',
    );
  });

  test.each(ways)('provides the client by %s', async (_, register) => {
    await serve();

    const { app, client } = await contextOf([register()], ByName);

    await expectToWork(client);
    await expectToClose(app);
  });

  test('provides the client by its class if it has no name, globally if asked', async () => {
    await serve();
    const library = RedisQueueModule.registerAsync({
      isGlobal: true,
      useFactory: () => rig.clientOptions(),
    });

    const { client } = await contextOf([library, FeatureModule], ThroughFeature);

    await expectToWork(client);
  });

  test('fails the start with the error of the options or their factory', async () => {
    const wrong = RedisQueueModule.registerAsync({
      name: 'ORDERS',
      useFactory: () => ({ requestTimeoutMs: -1 }),
    });
    const failing = RedisQueueModule.registerAsync({
      name: 'ORDERS',
      useFactory: () => Promise.reject(new Error('no settings')),
    });

    await expect(contextOf([wrong], ByName)).rejects.toThrow(InvalidOptionError);
    await expect(contextOf([failing], ByName)).rejects.toThrow('no settings');
  });
});

const custom = (): CustomClientOptions => ({
  customClass: RedisQueueClient,
  options: { ...rig.clientOptions() },
});

describe("Nest's ClientsModule", () => {
  @Injectable()
  class CustomFactory implements ClientsModuleOptionsFactory {
    createClientOptions(): ClientProvider {
      return custom();
    }
  }

  test.each<[string, () => DynamicModule]>([
    ['register', () => ClientsModule.register([{ name: 'ORDERS', ...custom() }])],
    [
      'registerAsync and useFactory',
      () => ClientsModule.registerAsync([{ name: 'ORDERS', useFactory: custom }]),
    ],
    [
      'registerAsync and useClass',
      () => ClientsModule.registerAsync([{ name: 'ORDERS', useClass: CustomFactory }]),
    ],
  ])('provides it by %s, and closes it with the app', async (_, register) => {
    await serve();

    const { app, client } = await contextOf([register()], ByName);

    await expectToWork(client);
    await expectToClose(app);
  });

  test('makes it without options', async () => {
    const library = ClientsModule.register([{ name: 'ORDERS', customClass: RedisQueueClient }]);

    const { client } = await contextOf([library], ByName);

    expect(client).toBeInstanceOf(RedisQueueClient);
  });
});

describe('@Client()', () => {
  test('makes one for the property, and closes it with the app', async () => {
    // Nest's type does not allow custom classes, but its factory takes them.
    const metadata = custom() as unknown as ClientOptions;
    @Controller()
    class AskingController {
      @Client(metadata)
      readonly client!: RedisQueueClient;

      @MessagePattern('ask')
      async ask(data: unknown): Promise<unknown> {
        return lastValueFrom(this.client.send<unknown>('echo', data));
      }
    }
    await serve();
    const app = await rig.serve({ controllers: [AskingController] });

    expect(await lastValueFrom(rig.client().send('ask', 'through two'))).toBe('through two');
    const before = (await rig.connections()).filter((name) => name.startsWith('rq-replies'));
    expect(before).toHaveLength(2);
    await app.close();

    await eventually(async () => {
      const after = (await rig.connections()).filter((name) => name.startsWith('rq-replies'));
      expect(after).toHaveLength(1);
    });
  });
});
