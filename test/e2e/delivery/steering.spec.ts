import { beforeEach, describe, expect, test } from '@jest/globals';
import { Catch, UseFilters, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import type {
  CallHandler,
  CanActivate,
  ExecutionContext,
  NestInterceptor,
  PipeTransform,
  RpcExceptionFilter,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import {
  DeadLetter,
  InvalidOptionError,
  RedisQueueAdmin,
  RedisQueueContext,
  RequestTimeoutError,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import { concat, lastValueFrom, of, throwError } from 'rxjs';
import type { Observable } from 'rxjs';
import { catchError, mergeMap, toArray } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from './controller.js';
import type { Handle } from './controller.js';

const rig = nestRig();

/** What the retry policy says must not matter to a handler that steers. */
const SOON = { retry: { attempts: 2, backoff: 'fixed', delayMs: 0 } } as const;

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

async function expectQueue(expected: { delayed?: number; dead?: number }): Promise<void> {
  await eventually(async () => {
    const { waiting, processing, delayed, dead } = await admin.lengths('work');
    const lengths = { waiting, processing, delayed, dead };
    expect(lengths).toEqual({ waiting: 0, processing: 0, delayed: 0, dead: 0, ...expected });
  });
}

const fail = (error: unknown): never => {
  throw error;
};

/** As in every tutorial: gives the caller what the exception carries. */
@Catch()
class RethrowingFilter implements RpcExceptionFilter {
  catch(exception: unknown): Observable<never> {
    return throwError(() => (exception instanceof RpcException ? exception.getError() : exception));
  }
}

/** Makes an answer of every exception. */
@Catch()
class AnsweringFilter implements RpcExceptionFilter {
  catch(): Observable<string> {
    return of('from the filter');
  }
}

/** Gives the caller something else, and knows nothing of steering. */
@Catch()
class TranslatingFilter implements RpcExceptionFilter {
  catch(): Observable<never> {
    return throwError(() => ({ status: 'error', message: 'Sorry.' }));
  }
}

describe.each<[string, MethodDecorator[]]>([
  ['without a filter', []],
  ['behind a filter that rethrows getError()', [UseFilters(RethrowingFilter)]],
  ['behind a filter that answers instead', [UseFilters(AnsweringFilter)]],
  ['behind a filter that translates', [UseFilters(TranslatingFilter)]],
])('%s', (_, decorators) => {
  async function serve(handle: Handle, more: readonly MethodDecorator[] = []): Promise<void> {
    const controller = controllerOf('work', handle, { decorators: [...more, ...decorators] });
    await rig.serve({ controllers: [controller] }, SOON);
  }

  describe('RetryLater', () => {
    test('brings an enqueued message back as often as it is thrown', async () => {
      const attempts: number[] = [];
      await serve((_data, context) => {
        attempts.push(context.getAttempt());
        if (context.getAttempt() < 5) throw new RetryLater({ delayMs: 0 });
      });

      await lastValueFrom(rig.client().enqueue('work', {}));

      await eventually(() => expect(attempts).toEqual([1, 2, 3, 4, 5]));
      await expectQueue({});
    });

    test('brings an enqueued message back after its own pause', async () => {
      await serve(() => fail(new RetryLater({ delayMs: 60_000 })));

      const { id } = await lastValueFrom(rig.client().enqueue('work', {}));

      await expectQueue({ delayed: 1 });
      const [delayed] = await admin.delayed('work');
      expect(delayed).toMatchObject({ id, attempt: 2 });
      const pauseMs = delayed!.dueAt.getTime() - delayed!.sentAt!.getTime();
      expect(pauseMs).toBeGreaterThanOrEqual(60_000);
      expect(pauseMs).toBeLessThan(75_000);
    });

    test('takes the pause of the policy if it has none of its own', async () => {
      const controller = controllerOf('work', () => fail(new RetryLater()), {
        decorators,
        options: { retry: { attempts: 1, backoff: 'fixed', delayMs: 30_000 } },
      });
      await rig.serve({ controllers: [controller] });

      await lastValueFrom(rig.client().enqueue('work', {}));

      await expectQueue({ delayed: 1 });
      const [delayed] = await admin.delayed('work');
      const pauseMs = delayed!.dueAt.getTime() - delayed!.sentAt!.getTime();
      expect(pauseMs).toBeGreaterThanOrEqual(30_000);
      expect(pauseMs).toBeLessThan(45_000);
    });

    test('makes a request run again, which is then answered with its value only', async () => {
      const attempts: number[] = [];
      await serve((_data, context) => {
        attempts.push(context.getAttempt());
        if (context.getAttempt() < 4) throw new RetryLater({ delayMs: 1 });
        return 'done';
      });

      const answer = rig.client().send('work', {}).pipe(toArray());

      expect(await lastValueFrom(answer)).toEqual(['done']);
      expect(attempts).toEqual([1, 2, 3, 4]);
      await expectQueue({});
    });
  });

  describe('DeadLetter', () => {
    test('dead-letters an enqueued message at once, with its reason', async () => {
      let runs = 0;
      await serve(() => {
        runs += 1;
        throw new DeadLetter('no such customer');
      });

      const { id } = await lastValueFrom(rig.client().enqueue('work', { order: 1 }));

      await expectQueue({ dead: 1 });
      const { letters } = await admin.deadLetters('work');
      expect(letters[0]).toMatchObject({
        id,
        attempt: 1,
        data: { order: 1 },
        reason: 'rejected',
        error: { name: 'DeadLetter', message: 'no such customer' },
      });
      expect(letters[0]!.error.stack).toMatch(/no such customer\n +at /);
      expect(runs).toBe(1);
    });

    test('dead-letters a request, and its caller gets an error', async () => {
      await serve(() => fail(new DeadLetter('no such customer')));

      const answer = rig.client().send('work', { order: 1 }).pipe(toArray());

      await expect(lastValueFrom(answer)).rejects.toMatchObject({ status: 'error' });
      await expectQueue({ dead: 1 });
      const { letters } = await admin.deadLetters('work');
      expect(letters[0]).toMatchObject({ data: { order: 1 }, reason: 'rejected' });
    });
  });

  class SteeringGuard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      const attempt = context.switchToRpc().getContext<RedisQueueContext>().getAttempt();
      return attempt > 2 || fail(attempt === 1 ? new RetryLater({ delayMs: 0 }) : rejection());
    }
  }

  class SteeringInterceptor implements NestInterceptor {
    intercept(context: ExecutionContext): Observable<unknown> {
      const attempt = context.switchToRpc().getContext<RedisQueueContext>().getAttempt();
      return fail(attempt === 1 ? new RetryLater({ delayMs: 0 }) : rejection());
    }
  }

  class LateSteeringInterceptor implements NestInterceptor {
    intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
      const attempt = context.switchToRpc().getContext<RedisQueueContext>().getAttempt();
      const error = attempt === 1 ? new RetryLater({ delayMs: 0 }) : rejection();
      return next.handle().pipe(mergeMap(() => throwError(() => error)));
    }
  }

  let pipeRuns = 0;
  class SteeringPipe implements PipeTransform {
    transform(): never {
      pipeRuns += 1;
      return fail(pipeRuns === 1 ? new RetryLater({ delayMs: 0 }) : rejection());
    }
  }

  const rejection = (): DeadLetter => new DeadLetter('not for us');

  test.each<[string, Handle, MethodDecorator[]]>([
    ['a guard', () => undefined, [UseGuards(SteeringGuard)]],
    ['an interceptor', () => undefined, [UseInterceptors(SteeringInterceptor)]],
    [
      'an interceptor behind the handler',
      () => undefined,
      [UseInterceptors(LateSteeringInterceptor)],
    ],
    ['a pipe', () => undefined, [UsePipes(SteeringPipe)]],
    [
      'an Observable',
      (_data, context) =>
        throwError(() =>
          context.getAttempt() === 1 ? new RetryLater({ delayMs: 0 }) : rejection(),
        ),
      [],
    ],
    [
      'an Observable after a value',
      (_data, context) =>
        concat(
          of('value'),
          throwError(() =>
            context.getAttempt() === 1 ? new RetryLater({ delayMs: 0 }) : rejection(),
          ),
        ),
      [],
    ],
  ])('both steer if %s throws them', async (_where, handle, more) => {
    pipeRuns = 0;
    await serve(handle, more);

    await lastValueFrom(rig.client().enqueue('work', {}));

    await expectQueue({ dead: 1 });
    const { letters } = await admin.deadLetters('work');
    expect(letters[0]).toMatchObject({ attempt: 2, reason: 'rejected' });
    expect(letters[0]!.error.message).toBe('not for us');
  });
});

describe('the error that a caller gets for a DeadLetter', () => {
  test('is its reason', async () => {
    const controller = controllerOf('work', () => fail(new DeadLetter('no such customer')));
    await rig.serve({ controllers: [controller] });

    await expect(lastValueFrom(rig.client().send('work', {}))).rejects.toMatchObject({
      status: 'error',
      message: 'no such customer',
    });
  });

  test('is what a filter made of it', async () => {
    const controller = controllerOf('work', () => fail(new DeadLetter('no such customer')), {
      decorators: [UseFilters(TranslatingFilter)],
    });
    await rig.serve({ controllers: [controller] });

    await expect(lastValueFrom(rig.client().send('work', {}))).rejects.toEqual({
      status: 'error',
      message: 'Sorry.',
    });
  });
});

describe('RetryLater and the attempts of the policy', () => {
  test('none are used up, but failures are counted', async () => {
    const attempts: number[] = [];
    const controller = controllerOf('work', (_, context) => {
      attempts.push(context.getAttempt());
      if ([1, 2, 3, 5].includes(context.getAttempt())) throw new RetryLater({ delayMs: 0 });
      throw new TypeError('broken');
    });
    await rig.serve({ controllers: [controller] }, SOON);

    await lastValueFrom(rig.client().enqueue('work', {}));

    await expectQueue({ dead: 1 });
    const { letters } = await admin.deadLetters('work');
    expect(letters).toMatchObject([{ reason: 'handlerFailed', attempt: 6 }]);
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('none are used up if one message of a batch asks for it', async () => {
    let rounds = 0;
    const options = { batch: { size: 2 }, ...SOON };
    const controller = batchControllerOf('work', options, (_, context) => {
      rounds += 1;
      if (rounds <= 3) return context.items[0]!.retryLater(0);
      throw new TypeError('broken');
    });
    await rig.serve({ controllers: [controller] });

    await lastValueFrom(rig.client().enqueue('work', {}));

    await expectQueue({ dead: 1 });
    const { letters } = await admin.deadLetters('work');
    expect(letters).toMatchObject([{ reason: 'handlerFailed', attempt: 5 }]);
  });

  test('it is logged as what it is, and not as a failure', async () => {
    const controller = controllerOf('work', (_, context) => {
      if (context.getAttempt() === 1) throw new RetryLater({ delayMs: 5 });
    });
    await rig.serve({ controllers: [controller] }, SOON);

    const { id } = await lastValueFrom(rig.client().enqueue('work', {}));

    await eventually(() =>
      expect(rig.logs.matching('debug', /asked to run again/)).toEqual([
        `Attempt 1 of message ${id} of "work" asked to run again in 5 ms.`,
      ]),
    );
    await expectQueue({});
    expect(rig.logs.matching('warn', /work/)).toEqual([]);
    expect(rig.logs.matching('error', /work/)).toEqual([]);
  });

  test('a redriven message begins anew', async () => {
    const attempts: number[] = [];
    const controller = controllerOf('work', (_, context) => {
      attempts.push(context.getAttempt());
      throw context.getAttempt() === 1 ? new RetryLater({ delayMs: 0 }) : new TypeError('broken');
    });
    await rig.serve({ controllers: [controller] }, SOON);
    await lastValueFrom(rig.client().enqueue('work', {}));
    await expectQueue({ dead: 1 });

    await admin.redriveAll('work');

    await eventually(() => expect(attempts).toEqual([1, 2, 3, 1, 2, 3]));
    await expectQueue({ dead: 1 });
  });
});

describe('steering', () => {
  test('passes through a global filter and a pre-request hook too', async () => {
    const attempts: number[] = [];
    const controller = controllerOf('work', (_, context) => {
      attempts.push(context.getAttempt());
      if (context.getAttempt() < 3) throw new RetryLater({ delayMs: 0 });
      throw new DeadLetter('enough');
    });
    await rig.serve({ controllers: [controller] }, SOON, (app) => {
      app.useGlobalFilters(new AnsweringFilter());
      app.registerPreRequestHook((_, next) => next());
    });

    await lastValueFrom(rig.client().enqueue('work', {}));

    await expectQueue({ dead: 1 });
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('of a request ends at the deadline of its caller', async () => {
    const controller = controllerOf('work', () => fail(new RetryLater({ delayMs: 20 })));
    await rig.serve({ controllers: [controller] });

    const client = rig.client({ requestTimeoutMs: 200 });
    // On a busy machine the time may be over before the request is sent. Then the test asks again.
    await eventually(async () => {
      await expect(lastValueFrom(client.send('work', {}))).rejects.toThrow(RequestTimeoutError);
      await expectQueue({});
      expect((await admin.lengths('work')).expired).toBe(1);
    });
  });

  test('that an interceptor catches is for the interceptor to judge', async () => {
    class CatchingInterceptor implements NestInterceptor {
      intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next.handle().pipe(catchError(() => of('caught')));
      }
    }
    const controller = controllerOf('work', () => fail(new RetryLater({ delayMs: 0 })), {
      decorators: [UseInterceptors(CatchingInterceptor)],
    });
    await rig.serve({ controllers: [controller] });

    expect(await lastValueFrom(rig.client().send('work', {}))).toBe('caught');
    await expectQueue({});
  });

  test.each([-1, 1.5, NaN, Infinity, '5', null])('refuses a delayMs of %p', (delayMs) => {
    const make = (): RetryLater => new RetryLater({ delayMs: delayMs as number }); // as JavaScript can
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(/^delayMs must be a whole number of milliseconds ≥ 0, got /);
    expect(make).toThrow(expect.objectContaining({ option: 'delayMs' }));
  });
});

test('a message that asks to come again at once lets others have their turn', async () => {
  const ended: string[] = [];
  const handle = (name: unknown): void => {
    if (name === 'again' && ended.length < 3) throw new RetryLater({ delayMs: 0 });
    ended.push(String(name));
  };
  await rig.serve({
    controllers: [controllerOf('turns', handle, { options: { concurrency: 1 } })],
  });
  const names = ['again', 'a', 'b', 'c'];
  await lastValueFrom(rig.client().enqueueMany('turns', names));
  await eventually(() => expect(ended).toEqual(['a', 'b', 'c', 'again']));
});
