import { describe, expect, test } from '@jest/globals';
import { Controller, Scope } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { EventPattern, MessagePattern, Transport } from '@nestjs/microservices';
import type { CustomStrategy, MicroserviceOptions } from '@nestjs/microservices';
import { findFreePort } from 'local-redis';
import {
  InvalidOptionError,
  InvalidPatternError,
  REDIS_QUEUE_TRANSPORT,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueEvents } from 'nestjs-redis-queue-transport';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();
const nothing = (): void => undefined;
const warnings = (): string[] => rig.logs.matching('warn', /./);

@Controller()
class MigratedController {
  @MessagePattern('sum', Transport.REDIS)
  sum(): void {
    // For the transport of before.
  }

  @EventPattern<string>('summed', Transport.TCP)
  onSummed(): void {
    // For another transport.
  }

  @MessagePattern('ours', REDIS_QUEUE_TRANSPORT)
  ours(): void {
    // For ours.
  }
}

@Controller({ scope: Scope.REQUEST })
class ScopedController {
  @MessagePattern('scoped', Transport.NATS)
  sum(): void {
    // Not created before a request comes.
  }
}

const parts = (...controllers: Type[]) => ({
  controllers,
  imports: [RedisQueueModule.register(rig.clientOptions())],
});

describe('a handler of a transport that no server of the app has', () => {
  test('is reported at the start, by class and method', async () => {
    await rig.serve(parts(MigratedController, ScopedController));

    expect(warnings()).toHaveLength(3);
    expect(warnings()[0]).toMatch(
      /@MessagePattern\("sum", Transport\.REDIS\) of MigratedController\.sum is not served.*REDIS_QUEUE_TRANSPORT/,
    );
    expect(warnings()[1]).toMatch(/@EventPattern\("summed", Transport\.TCP\)/);
    expect(warnings()[2]).toMatch(/"scoped", Transport\.NATS.*ScopedController/);
  });

  test('is not reported if another server of the app has it, nor in an app without ours', async () => {
    const hybrid = await rig.application(parts(MigratedController));
    const tcp = { transport: Transport.TCP, options: { port: await findFreePort() } } as const;
    hybrid.connectMicroservice<CustomStrategy>({ strategy: rig.strategy() });
    hybrid.connectMicroservice<MicroserviceOptions>(tcp);
    await hybrid.startAllMicroservices();
    await hybrid.init();

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toContain('Transport.REDIS');
    rig.logs.clear();
    await (await rig.application(parts(MigratedController))).init();
    expect(warnings()).toEqual([]);
  });
});

describe("a pattern that looks like another broker's wildcard", () => {
  test.each(['user*', '*user.created', 'orders.>', '>', '+', 'home/+/light', 'home/#'])(
    'is reported at the start as taken literally: %s',
    async (pattern) => {
      await rig.serve({ controllers: [eventControllerOf(pattern, nothing)] });

      expect(warnings()).toHaveLength(1);
      expect(warnings()[0]).toMatch(/looks like a wildcard.*taken literally.*"user\.\*"/s);
      expect(warnings()[0]).toContain(JSON.stringify(pattern));
    },
  );

  test.each(['user.*', '#', 'user.#', 'a.*.b', 'a+b', 'C#', 'a>b', '{"cmd":"*"}', 'path/to'])(
    'is not found in %s',
    async (pattern) => {
      const app = await rig.microservice({ controllers: [eventControllerOf(pattern, nothing)] });
      await app.listen();

      expect(warnings()).toEqual([]);
    },
  );

  test('is reported for messages too, which have no wildcards', async () => {
    await rig.serve({ controllers: [controllerOf('user*', nothing)] });

    expect(warnings()).toHaveLength(1);
  });
});

describe('a server with a group', () => {
  test('without a handler in it is reported', async () => {
    await rig.serve(
      { controllers: [eventControllerOf('happened', nothing)] },
      { group: 'billing' },
    );

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatch(/group "billing", but no handler is in it.*durable: true/);
  });

  test.each([{ durable: true }, { group: 'billing' }])(
    'is accepted with a handler in it: %j',
    async (options) => {
      const controllers = [eventControllerOf('happened', nothing, options)];
      await rig.serve({ controllers }, { group: 'billing' });

      expect(warnings()).toEqual([]);
    },
  );
});

describe('a prefetch below the concurrency', () => {
  test('is refused if both are set in the same place', async () => {
    expect(() => rig.strategy({ prefetch: 10 })).toThrow(
      'prefetch must be at least the number of messages that may run at once, which is 100 (concurrency), got 10',
    );
    const app = await rig.microservice({
      controllers: [controllerOf('work', nothing, { options: { concurrency: 5, prefetch: 4 } })],
    });
    await expect(app.listen()).rejects.toThrow(/which is 5.*got 4 \(handler of "work"\)/);
  });

  test('of the server is raised if a handler runs more', async () => {
    const controllers = [controllerOf('work', nothing, { options: { concurrency: 50 } })];
    await rig.serve({ controllers }, { concurrency: 1, prefetch: 10 });
  });
});

describe('a pattern that names nothing', () => {
  test.each([
    ['a regular expression', /^user\..*/, /cannot be a regular expression.*wildcards/s],
    ['a Map', new Map([['a', 1]]), /plain object, got a Map/],
    ['a Date', new Date(0), /plain object, got a Date/],
  ])('is refused by servers and clients: %s', async (_, pattern, message) => {
    const app = await rig.microservice({
      controllers: [controllerOf(pattern as unknown as string, nothing)],
    });
    const listening = app.listen();
    await expect(listening).rejects.toThrow(InvalidPatternError);
    await expect(listening).rejects.toThrow(message);
    await expect(Promise.resolve(rig.client().enqueue(pattern, 1))).rejects.toThrow(message);
  });
});

describe('on()', () => {
  test.each([
    ['a server', () => rig.strategy()],
    ['a client', () => rig.client()],
  ])('of %s refuses an event that does not exist, and lists those that do', (_, make) => {
    const on = (event: string) => () =>
      (make() as RedisQueueServer).on(event as keyof RedisQueueEvents, nothing);

    expect(on('ready')).toThrow(InvalidOptionError);
    expect(on('ready')).toThrow(/no event "ready"; its events are connected, reconnecting/);
    expect(on('conected')).toThrow(/Did you mean "connected"\?/);
    expect(on('toString')).toThrow(InvalidOptionError);
  });
});
