import { describe, expect, test } from '@jest/globals';
import { Controller, Injectable, Module } from '@nestjs/common';
import type { DynamicModule, OnModuleDestroy, Type } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import type { CustomStrategy } from '@nestjs/microservices';
import { RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

const MESSAGES = 30;

/**
 * Something that handlers need, such as a database. When it is destroyed, it sends messages, and stays in that state
 * until an app has handled all of them.
 */
abstract class Dependency implements OnModuleDestroy {
  isDestroyed = false;
  abstract readonly handled: unknown[];

  async onModuleDestroy(): Promise<void> {
    this.isDestroyed = true;
    const client = rig.client();
    for (let n = 0; n < MESSAGES; n += 1) await lastValueFrom(client.enqueue('work', n));
    await eventually(() => expect(this.handled).toHaveLength(MESSAGES));
  }
}

/** Where the dependency is in relation to the library's module: Nest destroys near modules before far ones. */
type Place = (
  dependency: Type<Dependency>,
  library: DynamicModule,
) => Pick<DynamicModule, 'imports' | 'providers'>;

@Module({})
class FeatureModule {}

@Module({})
class OuterModule {}

const places: readonly [string, Place][] = [
  [
    'in the root module',
    (dependency, library) => ({ imports: [library], providers: [dependency] }),
  ],
  [
    'in a module imported before it',
    (dependency, library) => ({
      imports: [feature(dependency), library],
    }),
  ],
  [
    'in a module imported after it',
    (dependency, library) => ({
      imports: [library, feature(dependency)],
    }),
  ],
  [
    'in the module that imports it',
    (dependency, library) => ({
      imports: [
        { module: OuterModule, imports: [library], providers: [dependency], exports: [dependency] },
      ],
    }),
  ],
  [
    'in a global module',
    (dependency, library) => ({
      imports: [library, { ...feature(dependency), global: true }],
    }),
  ],
];

function feature(dependency: Type<Dependency>): DynamicModule {
  return { module: FeatureModule, providers: [dependency], exports: [dependency] };
}

describe('if RedisQueueModule is imported, no handler begins once something is being destroyed', () => {
  test.each(
    places.flatMap(([where, place]) =>
      [false, true].map((isGlobal) => [where, isGlobal, place] as const),
    ),
  )('%s (isGlobal: %p)', async (_, isGlobal, place) => {
    const handled: string[] = [];
    @Injectable()
    class Database extends Dependency {
      readonly handled = handled;
    }
    @Controller()
    class WorkController {
      constructor(private readonly database: Database) {}

      @MessagePattern('work')
      work(): void {
        handled.push(this.database.isDestroyed ? 'without its database' : 'with its database');
      }
    }
    @Controller()
    class OtherController {
      @MessagePattern('work')
      work(): void {
        handled.push('by the other app');
      }
    }
    const library = RedisQueueModule.register({ ...rig.clientOptions(), isGlobal });
    const app = await rig.application({
      controllers: [WorkController],
      ...place(Database, library),
    });
    app.connectMicroservice<CustomStrategy>({ strategy: rig.strategy() });
    await app.init();
    await app.startAllMicroservices();
    await rig.serve({ controllers: [OtherController] });

    await app.close();

    expect(handled).toEqual(Array.from({ length: MESSAGES }, () => 'by the other app'));
  });

  test('and running handlers are waited for, and can still answer and send', async () => {
    const order: string[] = [];
    const begun = new Gate();
    const release = new Gate();
    @Injectable()
    class Database implements OnModuleDestroy {
      onModuleDestroy(): void {
        order.push('destroyed');
      }
    }
    @Controller()
    class WorkController {
      constructor(private readonly client: RedisQueueClient) {}

      @MessagePattern('work')
      async work(): Promise<string> {
        begun.open();
        await release.opened;
        await lastValueFrom(this.client.enqueue('further', 'work'));
        order.push('handled');
        return 'answered';
      }
    }
    const app = await rig.application({
      controllers: [WorkController],
      providers: [Database],
      imports: [RedisQueueModule.register({ ...rig.clientOptions() })],
    });
    app.connectMicroservice<CustomStrategy>({ strategy: rig.strategy() });
    await app.init();
    await app.startAllMicroservices();
    const answer = lastValueFrom(rig.client().send('work', {}));
    await begun.opened;

    const closing = app.close();
    setImmediate(() => release.open());
    await closing;

    expect(order).toEqual(['handled', 'destroyed']);
    expect(await answer).toBe('answered');
    expect(await rig.queue('further').waiting()).toHaveLength(1);
  });

  test('also if it is imported alone, without a client', async () => {
    const order: string[] = [];
    const begun = new Gate();
    @Injectable()
    class Database implements OnModuleDestroy {
      onModuleDestroy(): void {
        order.push('destroyed');
      }
    }
    @Controller()
    class WorkController {
      @MessagePattern('work')
      async work(): Promise<void> {
        begun.open();
        for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
        order.push('handled');
      }
    }
    const app = await rig.application({
      controllers: [WorkController],
      providers: [Database],
      imports: [RedisQueueModule],
    });
    app.connectMicroservice<CustomStrategy>({ strategy: rig.strategy() });
    await app.init();
    await app.startAllMicroservices();
    await lastValueFrom(rig.client().enqueue('work', {}));
    await begun.opened;

    await app.close();

    expect(order).toEqual(['handled', 'destroyed']);
  });

  test('and an app without a server closes as well', async () => {
    const app = await rig.application({
      imports: [RedisQueueModule.register({ ...rig.clientOptions() })],
    });
    await app.init();

    await app.close();

    expect(await rig.connections()).toEqual([]);
  });
});
