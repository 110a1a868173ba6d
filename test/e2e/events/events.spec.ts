import { describe, expect, test } from '@jest/globals';
import { Controller, UseGuards } from '@nestjs/common';
import type { CanActivate, Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { RedisQueueContext, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { EMPTY, from, lastValueFrom, of, throwError, timer } from 'rxjs';
import type { Observable } from 'rxjs';
import { map, mergeMap } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';
import { Stopwatch } from '../../support/stopwatch.js';

const rig = nestRig();

/** Collects what it heard. */
function hearingController(heard: unknown[]): Type {
  @Controller()
  class HearingController {
    @EventPattern<string>('order.placed')
    onOrder(data: unknown): void {
      heard.push(data);
    }
  }
  return HearingController;
}

describe('an event', () => {
  test('is heard within a second', async () => {
    const heard: unknown[] = [];
    await rig.serve({ controllers: [hearingController(heard)] });
    const client = rig.client();
    const watch = Stopwatch.start();

    client.emit('order.placed', { id: 1 });

    await eventually(() => expect(heard).toEqual([{ id: 1 }]));
    watch.expectAtMost(1_000);
  });

  test('is sent at once and only once, whether anybody subscribes or not', async () => {
    const heard: unknown[] = [];
    await rig.serve({ controllers: [hearingController(heard)] });
    const client = rig.client();

    client.emit('order.placed', 1);
    await eventually(() => expect(heard).toEqual([1]));
    const answer = client.emit('order.placed', 2);
    const result = await lastValueFrom(answer);
    expect(result).toMatchObject({ id: expect.any(String), listeners: 1, groups: 0 });
    expect(await lastValueFrom(answer)).toEqual(result);
    await lastValueFrom(client.emit('order.placed', 3));

    await eventually(() => expect(heard).toEqual([1, 2, 3]));
  });

  test('reaches every replica', async () => {
    const heard: unknown[][] = [[], [], []];
    for (const list of heard) await rig.serve({ controllers: [hearingController(list)] });

    await lastValueFrom(rig.client().emit('order.placed', 'all'));

    await eventually(() => expect(heard).toEqual([['all'], ['all'], ['all']]));
  });

  test('arrives in the order in which it was sent', async () => {
    const heard: unknown[] = [];
    await rig.serve({ controllers: [hearingController(heard)] });
    const client = rig.client();
    const numbers = Array.from({ length: 200 }, (_, index) => index);

    for (const number of numbers) client.emit('order.placed', number);

    await eventually(() => expect(heard).toHaveLength(200));
    expect(heard).toEqual(numbers);
  });

  test('that nobody listens to is not an error, and is not kept', async () => {
    const client = rig.client();

    await lastValueFrom(client.emit('order.placed', 1));

    expect(await rig.commands.keys(`${rig.prefix}:*`)).toEqual([]);
  });

  test('carries headers, and its context shows them', async () => {
    const contexts: RedisQueueContext[] = [];
    @Controller()
    class ContextController {
      @EventPattern<string>('order.placed')
      onOrder(@Payload() _: unknown, @Ctx() context: RedisQueueContext): void {
        contexts.push(context);
      }
    }
    await rig.serve({ controllers: [ContextController] });
    const record = new RedisQueueRecordBuilder({ id: 1 })
      .id('event-1')
      .headers({ tenant: 'acme' })
      .build();

    await lastValueFrom(rig.client().emit('order.placed', record));

    const context = await eventually(() => {
      expect(contexts).toHaveLength(1);
      return contexts[0]!;
    });
    expect(context.getPattern()).toBe('order.placed');
    expect(context.getMessageId()).toBe('event-1');
    expect(context.getHeaders()).toEqual({ tenant: 'acme' });
    expect(context.getAttempt()).toBe(1);
    expect(context.getSentAt()).toBeInstanceOf(Date);
    expect(context.getSignal().aborted).toBe(false);
  });

  test('that could not be sent is logged if nobody subscribed', async () => {
    const client = rig.client();

    client.emit('order.placed', 1n);

    const failed = /emit of "order.placed" failed, and nothing handles the failure: .*BigInt/;
    await eventually(() => expect(rig.logs.matching('error', failed)).toHaveLength(1));
  });

  test('of another program that cannot be read is logged, and the next one is heard', async () => {
    const heard: unknown[] = [];
    await rig.serve({ controllers: [hearingController(heard)] });

    await rig.commands.publish(`${rig.prefix}:event:order.placed`, 'no JSON');
    await rig.commands.publish(`${rig.prefix}:event:order.placed`, '{"plain":true}');

    await eventually(() => expect(heard).toEqual([{ plain: true }]));
    expect(rig.logs.matching('error', /"order.placed"/)).toHaveLength(1);
  });
});

describe('several handlers of one event', () => {
  test('all run, each with a copy of the data', async () => {
    const heard: string[] = [];
    @Controller()
    class FirstController {
      @EventPattern<string>('order.placed')
      first(data: { seen?: string }): void {
        heard.push(`first ${data.seen ?? 'untouched'}`);
        data.seen = 'by first';
      }

      @EventPattern<string>('order.placed')
      second(data: { seen?: string }): void {
        heard.push(`second ${data.seen ?? 'untouched'}`);
        data.seen = 'by second';
      }
    }
    @Controller()
    class OtherController {
      @EventPattern<string>('order.placed')
      async third(data: { seen?: string }): Promise<void> {
        await new Promise(setImmediate);
        heard.push(`third ${data.seen ?? 'untouched'}`);
      }

      @EventPattern<string>('order.placed')
      fourth(data: { seen?: string }): Observable<unknown> {
        return timer(5).pipe(map(() => heard.push(`fourth ${data.seen ?? 'untouched'}`)));
      }
    }
    await rig.serve({ controllers: [FirstController, OtherController] });

    await lastValueFrom(rig.client().emit('order.placed', {}));

    await eventually(() =>
      expect(heard.sort()).toEqual([
        'first untouched',
        'fourth untouched',
        'second untouched',
        'third untouched',
      ]),
    );
  });

  class NoGuard implements CanActivate {
    canActivate(): boolean {
      return false;
    }
  }

  const failures: readonly [string, () => unknown, MethodDecorator | undefined, RegExp][] = [
    ['throws', () => fail(new RpcException('broken')), undefined, /broken/],
    [
      'throws an error of an unknown type',
      () => fail(new TypeError('broken')),
      undefined,
      /broken/,
    ],
    ['rejects', () => Promise.reject(new RpcException('broken')), undefined, /broken/],
    [
      'returns an Observable that errors',
      () => throwError(() => new RpcException('broken')),
      undefined,
      /broken/,
    ],
    [
      'returns an Observable that errors later',
      () => timer(5).pipe(mergeMap(() => fail(new RpcException('broken')))),
      undefined,
      /broken/,
    ],
    ['is refused by a guard', () => undefined, UseGuards(NoGuard), /Forbidden resource/],
  ];

  function fail(error: unknown): never {
    throw error;
  }

  test.each(failures)(
    'go on if one of them %s, which is logged once',
    async (_, handle, decorator, message) => {
      const heard: string[] = [];
      @Controller()
      class MixedController {
        @EventPattern<string>('order.placed')
        before(): void {
          heard.push('before');
        }

        @EventPattern<string>('order.placed')
        empty(): Observable<never> {
          return EMPTY;
        }

        @EventPattern<string>('order.placed')
        failing(): unknown {
          return handle();
        }

        @EventPattern<string>('order.placed')
        after(): Observable<number> {
          return from(Promise.resolve()).pipe(map(() => heard.push('after')));
        }
      }
      const method = Object.getOwnPropertyDescriptor(MixedController.prototype, 'failing')!;
      decorator?.(MixedController.prototype, 'failing', method);
      await rig.serve({ controllers: [MixedController] });

      await lastValueFrom(rig.client().emit('order.placed', {}));

      const logged = /handler of the event "order.placed" failed/;
      await eventually(() => {
        expect(heard.sort()).toEqual(['after', 'before']);
        expect(rig.logs.matching('error', logged)).toHaveLength(1);
      });
      expect(rig.logs.matching('error', logged)[0]).toMatch(message);
    },
  );

  test('do not wait for one that takes long', async () => {
    const gate = new Gate();
    const heard: unknown[] = [];
    @Controller()
    class SlowController {
      @EventPattern<string>('order.placed')
      async slow(data: unknown): Promise<void> {
        await gate.opened;
        heard.push(['slow', data]);
      }

      @EventPattern<string>('order.placed')
      quick(data: unknown): void {
        heard.push(['quick', data]);
      }
    }
    await rig.serve({ controllers: [SlowController] });
    const client = rig.client();

    await lastValueFrom(client.emit('order.placed', 1));
    await lastValueFrom(client.emit('order.placed', 2));
    await eventually(() =>
      expect(heard).toEqual([
        ['quick', 1],
        ['quick', 2],
      ]),
    );
    gate.open();

    await eventually(() => expect(heard).toHaveLength(4));
  });
});

describe('close()', () => {
  test('waits for the handlers of events, and nothing runs afterwards', async () => {
    const begun = new Gate();
    const gate = new Gate();
    const heard: string[] = [];
    @Controller()
    class SlowController {
      @EventPattern<string>('order.placed')
      async slow(name: string): Promise<void> {
        heard.push(`begin ${name}`);
        begun.open();
        await gate.opened;
        heard.push(`end ${name}`);
      }
    }
    const app = await rig.serve({ controllers: [SlowController] });
    const client = rig.client();
    await lastValueFrom(client.emit('order.placed', 'a'));
    await begun.opened;

    let isClosed = false;
    const closing = app.close().then(() => {
      isClosed = true;
    });
    await lastValueFrom(client.emit('order.placed', 'b'));
    expect(isClosed).toBe(false);
    gate.open();
    await closing;

    expect(heard).toEqual(['begin a', 'end a']);
  });

  test('waits no longer than shutdownTimeoutMs, and tells the handlers', async () => {
    const signals: AbortSignal[] = [];
    @Controller()
    class EndlessController {
      @EventPattern<string>('order.placed')
      endless(@Payload() _: unknown, @Ctx() context: RedisQueueContext): Promise<never> {
        signals.push(context.getSignal());
        return new Promise<never>(() => undefined);
      }
    }
    const app = await rig.serve({ controllers: [EndlessController] }, { shutdownTimeoutMs: 50 });
    await lastValueFrom(rig.client().emit('order.placed', {}));
    await eventually(() => expect(signals).toHaveLength(1));

    await app.close();

    expect(signals[0]?.aborted).toBe(true);
    expect(signals[0]?.reason).toMatchObject({ code: 'SHUTDOWN' });
  });
});

test('a connection that is lost, and lost again while it resubscribes, is listened to again', async () => {
  const heard: unknown[] = [];
  const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  await rig.serve({ controllers: [hearingController(heard)] }, { connection: proxy.url });
  const client = rig.client();
  await lastValueFrom(client.emit('order.placed', 'before'));
  await eventually(() => expect(heard).toEqual(['before']));

  const subscribing = proxy.dropRequest(([command = '']) => /^subscribe$/i.test(command));
  proxy.cut((name) => name.startsWith('rq-events'));
  await subscribing.happened;

  await eventually(async () => {
    await lastValueFrom(client.emit('order.placed', 'after'));
    expect(heard).toContain('after');
  });
});

test('a request to a pattern that only events use finds no handler', async () => {
  const heard: unknown[] = [];
  @Controller()
  class PingController {
    @MessagePattern('ping')
    ping(): Observable<string> {
      return of('pong');
    }
  }
  await rig.serve({ controllers: [hearingController(heard), PingController] });

  const answer = lastValueFrom(rig.client().send('order.placed', {}));

  await expect(answer).rejects.toThrow(/no matching message handler/);
  expect(heard).toEqual([]);
});
