import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  Catch,
  Controller,
  Injectable,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor, Type } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { DeadLetter, RedisQueueAdmin, RetryLater } from 'nestjs-redis-queue-transport';
import type { RedisQueueBatchContext } from 'nestjs-redis-queue-transport';
import { EMPTY, catchError, from, lastValueFrom, of, throwError } from 'rxjs';
import type { Observable } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from './controller.js';

const rig = nestRig();

const TWICE = { retry: { attempts: 2, backoff: 'fixed', delayMs: 0 } } as const;

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

class StockError extends Error {}

const fail = (error: unknown = new StockError('out of stock')): never => {
  throw error;
};

/** A filter for everything. It returns this value for what it catches. */
function filterOf(make: () => unknown): MethodDecorator {
  @Catch()
  class Filter {
    catch(): unknown {
      return make();
    }
  }
  return UseFilters(new Filter() as never); // Nest types what a filter returns, but JavaScript can return anything
}

const makes: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  'a promise of nothing': async () => {
    await new Promise(setImmediate);
  },
  null: () => null,
  'a value': () => ({ status: 'handled by the filter' }),
  'a promise of a value': () => Promise.resolve('handled by the filter'),
  'an Observable without a value': () => EMPTY,
  'an Observable with a value': () => of({}),
  'a promise of an Observable': () => Promise.resolve(of({})),
  'an Observable that takes a moment': () => from(new Promise(setImmediate)),
};

async function expectDeadLetter(message: string, queue = 'work'): Promise<void> {
  const letters = await eventually(async () => {
    const page = await admin.deadLetters(queue);
    expect(page.letters).toHaveLength(1);
    return page.letters;
  });
  expect(letters[0]).toMatchObject({ reason: 'handlerFailed', attempt: 2, error: { message } });
  await eventually(async () => expect(await rig.queue(queue).held()).toBe(0));
  expect(await rig.queue(queue).waiting()).toEqual([]);
}

describe.each(Object.entries(makes))('behind a filter that makes %s of an error', (_, make) => {
  test('a message is tried again, and dead-lettered with what was thrown', async () => {
    let runs = 0;
    const handle = (): unknown => {
      runs += 1;
      return fail();
    };
    const controller = controllerOf('work', handle, { decorators: [filterOf(make)] });
    await rig.serve({ controllers: [controller] }, TWICE);

    await lastValueFrom(rig.client().enqueue('work', {}));

    await expectDeadLetter('out of stock');
    expect(runs).toBe(2);
  });

  test('all messages of a batch are tried again, and dead-lettered', async () => {
    const options = { batch: { size: 2, waitMs: 200 }, ...TWICE };
    const controller = batchControllerOf('work', options, () => fail(), [filterOf(make)]);
    await rig.serve({ controllers: [controller] });

    await lastValueFrom(rig.client().enqueueMany('work', [1, 2]));

    await eventually(async () => {
      const { letters } = await admin.deadLetters('work');
      expect(letters.map(({ error }) => error.message)).toEqual(['out of stock', 'out of stock']);
    });
  });

  test('an event of a group is tried again, and a live one is logged', async () => {
    @Controller()
    class EventController {
      @EventPattern<string>('order.placed', { group: 'billing', ...TWICE })
      @filterOf(make)
      onDurable(): never {
        return fail(new StockError('no bill'));
      }

      @EventPattern<string>('order.placed')
      @filterOf(make)
      onLive(): never {
        return fail(new StockError('no screen'));
      }
    }
    await rig.serve({ controllers: [EventController] });

    await lastValueFrom(rig.client().emit('order.placed', {}));

    await expectDeadLetter('no bill', '@billing/order.placed');
    await eventually(() =>
      expect(rig.logs.matching('error', /order\.placed.*no screen/)).toHaveLength(1),
    );
  });

  test('what a handler asks for takes effect', async () => {
    const attempts: number[] = [];
    const controller = controllerOf(
      'work',
      (_data, context) => {
        attempts.push(context.getAttempt());
        return fail(
          attempts.length < 3 ? new RetryLater({ delayMs: 0 }) : new DeadLetter('enough'),
        );
      },
      { decorators: [filterOf(make)] },
    );
    await rig.serve({ controllers: [controller] });

    await lastValueFrom(rig.client().enqueue('work', {}));

    await eventually(async () => {
      const { letters } = await admin.deadLetters('work');
      expect(letters).toMatchObject([{ reason: 'rejected', error: { message: 'enough' } }]);
    });
    expect(attempts).toEqual([1, 2, 3]);
  });
});

describe('behind a filter that returns nothing for an error, a message is dead-lettered if', () => {
  const nothing = filterOf(makes['a promise of nothing']!);

  async function expectFailure(controller: Type, message: string): Promise<void> {
    await rig.serve({ controllers: [controller] }, TWICE);
    await lastValueFrom(rig.client().enqueue('work', {}));
    await expectDeadLetter(message);
  }

  const failing: Readonly<Record<string, readonly [() => unknown, MethodDecorator[], string]>> = {
    'the handler rejects': [() => Promise.reject(new StockError('gone')), [], 'gone'],
    'the handler throws null': [() => fail(null), [], 'The handler threw null.'],
    'an Observable of it errors': [() => throwError(() => new StockError('gone')), [], 'gone'],
    'a guard throws': [
      () => 'not reached',
      [UseGuards({ canActivate: () => fail(new StockError('guarded')) })],
      'guarded',
    ],
    'a pipe throws': [
      () => 'not reached',
      [UsePipes({ transform: () => fail(new StockError('piped')) })],
      'piped',
    ],
    'an interceptor throws': [
      () => 'not reached',
      [UseInterceptors({ intercept: () => fail(new StockError('intercepted')) })],
      'intercepted',
    ],
  };

  test.each(Object.keys(failing))('%s', async (what) => {
    const [handle, decorators, message] = failing[what]!;
    await expectFailure(
      controllerOf('work', handle, { decorators: [...decorators, nothing] }),
      message,
    );
  });

  test('a pre-request hook makes everything lazy', async () => {
    const controller = controllerOf('work', () => fail(), { decorators: [nothing] });
    await rig.serve({ controllers: [controller] }, TWICE, (app) => {
      app.registerPreRequestHook((_, next) => next());
    });
    await lastValueFrom(rig.client().enqueue('work', {}));

    await expectDeadLetter('out of stock');
  });

  test('its controller is made for each message, or cannot be made', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Broken {
      constructor() {
        fail(new StockError('cannot be made'));
      }
    }
    @Controller()
    class ScopedController {
      constructor(readonly broken: Broken) {}

      @MessagePattern('work')
      @nothing
      work(): string {
        return 'not reached';
      }
    }
    await rig.serve({ controllers: [ScopedController], providers: [Broken] }, TWICE);
    await lastValueFrom(rig.client().enqueue('work', {}));

    await expectDeadLetter('cannot be made');
  });
});

describe('a failure is dealt with', () => {
  test('if an interceptor makes a value of it: the message is handled', async () => {
    class Settle implements NestInterceptor {
      intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next
          .handle()
          .pipe(
            catchError((error) =>
              error instanceof StockError ? EMPTY : throwError(() => error as Error),
            ),
          );
      }
    }
    let runs = 0;
    const handle = (): unknown => {
      runs += 1;
      return fail();
    };
    const controller = controllerOf('work', handle, { decorators: [UseInterceptors(Settle)] });
    await rig.serve({ controllers: [controller] }, TWICE);

    await lastValueFrom(rig.client().enqueue('work', {}));

    await eventually(() => expect(runs).toBe(1));
    await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
    expect(await admin.lengths('work')).toMatchObject({ waiting: 0, delayed: 0, dead: 0 });
  });

  test('if a filter throws DeadLetter: the message is dead-lettered at once', async () => {
    const filter = filterOf(() => fail(new DeadLetter('no such product')));
    const controller = controllerOf('work', () => fail(), { decorators: [filter] });
    await rig.serve({ controllers: [controller] }, TWICE);

    await lastValueFrom(rig.client().enqueue('work', {}));

    await eventually(async () => {
      const { letters } = await admin.deadLetters('work');
      expect(letters).toMatchObject([
        { reason: 'rejected', attempt: 1, error: { message: 'no such product' } },
      ]);
    });
  });

  test('if a batch was settled one by one before it threw', async () => {
    @Catch()
    class Forgive {
      catch(_: unknown): Observable<never> {
        return EMPTY;
      }
    }
    const handle = (_: unknown[], context: RedisQueueBatchContext): never => {
      context.items[0]!.done();
      return fail();
    };
    const options = { batch: { size: 2, waitMs: 200 }, ...TWICE };
    const controller = batchControllerOf('work', options, handle, [UseFilters(new Forgive())]);
    await rig.serve({ controllers: [controller] });

    await lastValueFrom(rig.client().enqueueMany('work', [1, 2]));

    // The second comes back alone, so it is the first of its batch.
    await eventually(async () =>
      expect(await admin.lengths('work')).toMatchObject({ waiting: 0, processing: 0, dead: 0 }),
    );
  });

  test('if a caller waits for a reply: the value of the filter is the reply', async () => {
    const filter = filterOf(async () => Promise.resolve({ sorry: true }));
    const controller = controllerOf('work', () => fail(), { decorators: [filter] });
    await rig.serve({ controllers: [controller] }, TWICE);

    expect(await lastValueFrom(rig.client().send('work', {}))).toEqual({ sorry: true });

    await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
    expect(await admin.lengths('work')).toMatchObject({ waiting: 0, delayed: 0, dead: 0 });
  });
});
