import { describe, expect, test } from '@jest/globals';
import {
  Catch,
  Controller,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import type {
  CallHandler,
  CanActivate,
  ExecutionContext,
  NestInterceptor,
  PipeTransform,
  RpcExceptionFilter,
  Type,
} from '@nestjs/common';
import { Ctx, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { RedisQueueContext } from 'nestjs-redis-queue-transport';
import { EMPTY, NEVER, Subject, concat, from, lastValueFrom, of, throwError, timer } from 'rxjs';
import type { Observable } from 'rxjs';
import { delayWhen, mergeMap } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

/** With one attempt, the first failure is the last. */
const NO_RETRY = { retry: { attempts: 1 } };

const failWith = (error: unknown): never => {
  throw error;
};

class Refusal extends RpcException {}

class NoGuard implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

class LateNoGuard implements CanActivate {
  async canActivate(): Promise<boolean> {
    await new Promise(setImmediate);
    return false;
  }
}

class FailingPipe implements PipeTransform {
  transform(): never {
    return failWith(new Refusal('not valid'));
  }
}

class FailingInterceptor implements NestInterceptor {
  intercept(): never {
    return failWith(new Refusal('not intercepted'));
  }
}

class LateFailingInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(mergeMap(() => throwError(() => new Refusal('failed after'))));
  }
}

@Catch()
class TranslatingFilter implements RpcExceptionFilter {
  catch(exception: unknown): Observable<never> {
    return throwError(() => ({ status: 'error', message: `translated: ${String(exception)}` }));
  }
}

@Catch()
class SwallowingFilter implements RpcExceptionFilter {
  catch(): Observable<never> {
    return EMPTY;
  }
}

/** A handler `fail` for one case. */
function controllerOf(handle: () => unknown, ...decorators: MethodDecorator[]): Type {
  @Controller()
  class FailingController {
    @MessagePattern('fail')
    fail(): unknown {
      return handle();
    }
  }
  const method = Object.getOwnPropertyDescriptor(FailingController.prototype, 'fail')!;
  for (const decorate of decorators) decorate(FailingController.prototype, 'fail', method);
  return FailingController;
}

const throwing: readonly [string, () => unknown, RegExp][] = [
  ['throws', () => failWith(new TypeError('broken')), /broken/],
  ['rejects', () => Promise.reject(new TypeError('broken')), /broken/],
  ['throws no error', () => failWith('broken'), /broken/],
  ['throws nothing', () => failWith(undefined), /./],
  ['returns an Observable that errors', () => throwError(() => new TypeError('broken')), /broken/],
  [
    'returns a promise of an Observable that errors',
    () => Promise.resolve(throwError(() => new TypeError('broken'))),
    /broken/,
  ],
  [
    'returns an Observable that errors after values',
    () => concat(of(1), timer(5).pipe(mergeMap(() => throwError(() => new TypeError('broken'))))),
    /broken/,
  ],
  ['throws an RpcException', () => failWith(new Refusal('refused')), /refused/],
  [
    'throws an RpcException with an object',
    () => failWith(new RpcException({ code: 7, message: 'coded' })),
    /coded/,
  ],
  [
    'throws an RpcException with an object that has no message',
    () => failWith(new RpcException({ code: 7 })),
    /7|Rpc Exception/,
  ],
  ['throws a value that cannot be written', () => failWith(new RpcException({ count: 7n })), /./],
];

const refused: readonly [string, MethodDecorator, RegExp][] = [
  ['a guard', UseGuards(NoGuard), /Forbidden resource/],
  ['a guard that takes its time', UseGuards(LateNoGuard), /Forbidden resource/],
  ['a pipe', UsePipes(FailingPipe), /not valid/],
  ['an interceptor before the handler', UseInterceptors(FailingInterceptor), /not intercepted/],
  ['an interceptor after the handler', UseInterceptors(LateFailingInterceptor), /failed after/],
];

describe('an enqueued message whose handler fails for good', () => {
  async function expectDeadLetter(message: RegExp, reason = 'handlerFailed'): Promise<void> {
    const queue = rig.queue('fail');
    const { id } = await lastValueFrom(rig.client().enqueue('fail', { order: 1 }));
    const [letter] = await eventually(async () => {
      const letters = await queue.dead();
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(letter).toMatchObject({
      header: { rq: 1, id },
      body: '{"order":1}',
      dead: { reason, attempt: 1, queue: 'fail' },
    });
    expect(letter?.dead.error.message).toMatch(message);
    expect(await queue.waiting()).toEqual([]);
    await eventually(async () => expect(await queue.held()).toBe(0));
    const logged = new RegExp(`${id}.*fail.*${reason}`);
    expect(rig.logs.matching('error', logged)).toHaveLength(1);
  }

  test.each(throwing)('is dead-lettered with the reason if it %s', async (_, handle, message) => {
    await rig.serve({ controllers: [controllerOf(handle)] }, NO_RETRY);

    await expectDeadLetter(message);
  });

  test.each(refused)(
    'is dead-lettered with the reason if %s refuses',
    async (who, decorator, message) => {
      await rig.serve({ controllers: [controllerOf(() => 'handled', decorator)] }, NO_RETRY);

      // Another attempt would not change what a guard decides.
      const reason = who.startsWith('a guard') ? 'notRetried' : 'handlerFailed';
      await expectDeadLetter(message, reason);
    },
  );

  test('is dead-lettered even behind a pre-request hook, which makes everything lazy', async () => {
    const controllers = [controllerOf(() => failWith(new Refusal('refused')))];
    await rig.serve({ controllers }, NO_RETRY, (app) => {
      app.registerPreRequestHook((_, next) => next());
    });

    await expectDeadLetter(/refused/);
  });

  test('is dead-lettered if a filter translates the error', async () => {
    const controllers = [
      controllerOf(() => failWith(new Refusal('refused')), UseFilters(TranslatingFilter)),
    ];
    await rig.serve({ controllers }, NO_RETRY);

    await expectDeadLetter(/refused/);
  });

  test('is dead-lettered if a filter returns nothing for the error', async () => {
    const controllers = [
      controllerOf(() => failWith(new Refusal('refused')), UseFilters(SwallowingFilter)),
    ];
    await rig.serve({ controllers }, NO_RETRY);

    await expectDeadLetter(/refused/);
  });

  test('does not stop those behind it', async () => {
    const handled: unknown[] = [];
    @Controller()
    class PickyController {
      @MessagePattern('fail')
      fail(number: number): void {
        if (number % 2 === 0) throw new Refusal(`even: ${number}`);
        handled.push(number);
      }
    }
    await rig.serve({ controllers: [PickyController] }, { ...NO_RETRY, concurrency: 3 });
    const client = rig.client();
    for (let number = 0; number < 20; number += 1)
      await lastValueFrom(client.enqueue('fail', number));

    await eventually(async () => expect(await rig.queue('fail').dead()).toHaveLength(10));
    await eventually(() => expect(handled).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19]));
    const bodies = (await rig.queue('fail').dead()).map(({ body }) => Number(body));
    expect(bodies.sort((a, b) => a - b)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  });
});

describe('a request whose handler fails', () => {
  test.each(refused)(
    'gets the error if %s refuses, and leaves no dead letter',
    async (_, decorator, message) => {
      await rig.serve({ controllers: [controllerOf(() => 'handled', decorator)] });

      const answer = lastValueFrom(rig.client().send('fail', {}));

      const expected = { status: 'error', message: expect.stringMatching(message) as unknown };
      await expect(answer).rejects.toEqual(expected);
      expect(await rig.queue('fail').dead()).toEqual([]);
      await eventually(async () => expect(await rig.queue('fail').held()).toBe(0));
    },
  );

  test('gets nothing if a filter returns nothing for the error, and leaves no dead letter', async () => {
    const controllers = [
      controllerOf(() => failWith(new Refusal('refused')), UseFilters(SwallowingFilter)),
    ];
    await rig.serve({ controllers });

    const answer = lastValueFrom(rig.client().send('fail', {}), { defaultValue: 'nothing' });

    expect(await answer).toBe('nothing');
    await eventually(async () => expect(await rig.queue('fail').held()).toBe(0));
    expect(await rig.queue('fail').dead()).toEqual([]);
  });

  test('gets the error that a filter made of it', async () => {
    const controllers = [
      controllerOf(() => failWith(new TypeError('broken')), UseFilters(TranslatingFilter)),
    ];
    await rig.serve({ controllers });

    const answer = lastValueFrom(rig.client().send('fail', {}));

    await expect(answer).rejects.toEqual({
      status: 'error',
      message: 'translated: TypeError: broken',
    });
  });
});

describe('a message is settled only after its handler is done', () => {
  class SlowAfterInterceptor implements NestInterceptor {
    static gate = new Gate();

    intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
      return next.handle().pipe(delayWhen(() => from(SlowAfterInterceptor.gate.opened)));
    }
  }

  async function expectSettledAfter(
    controller: Type,
    started: Gate,
    open: () => void,
  ): Promise<void> {
    await rig.serve({ controllers: [controller] });
    const queue = rig.queue('lazy');
    const client = rig.client();
    await lastValueFrom(client.enqueue('lazy', {}));
    await started.opened;

    // Later than anything that would settle it early, since another message makes a whole round.
    await lastValueFrom(client.send('other', {}));
    expect(await queue.held()).toBe(1);
    open();

    await eventually(async () => expect(await queue.held()).toBe(0));
    expect(await queue.dead()).toEqual([]);
  }

  function lazyController(handle: () => unknown, ...decorators: MethodDecorator[]): Type {
    @Controller()
    class LazyController {
      @MessagePattern('lazy')
      lazy(): unknown {
        return handle();
      }

      @MessagePattern('other')
      other(): string {
        return 'other';
      }
    }
    const method = Object.getOwnPropertyDescriptor(LazyController.prototype, 'lazy')!;
    for (const decorate of decorators) decorate(LazyController.prototype, 'lazy', method);
    return LazyController;
  }

  test('if it returns a promise', async () => {
    const started = new Gate();
    const gate = new Gate();
    const controller = lazyController(() => {
      started.open();
      return gate.opened;
    });

    await expectSettledAfter(controller, started, () => gate.open());
  });

  test('if it returns an Observable', async () => {
    const started = new Gate();
    const values = new Subject<number>();
    const controller = lazyController(() => {
      started.open();
      return concat(of(1), values);
    });

    await expectSettledAfter(controller, started, () => values.complete());
  });

  test('if an interceptor goes on after it', async () => {
    const started = new Gate();
    const controller = lazyController(() => started.open(), UseInterceptors(SlowAfterInterceptor));

    await expectSettledAfter(controller, started, () => SlowAfterInterceptor.gate.open());
  });
});

describe('a handler that never ends', () => {
  test('has its message handed back when the time to shut down is over, and its signal fires', async () => {
    const signals: AbortSignal[] = [];
    @Controller()
    class EndlessController {
      @MessagePattern('endless')
      endless(@Payload() _: unknown, @Ctx() context: RedisQueueContext): Observable<never> {
        signals.push(context.getSignal());
        return NEVER;
      }
    }
    const app = await rig.serve({ controllers: [EndlessController] }, { shutdownTimeoutMs: 50 });
    const { id } = await lastValueFrom(rig.client().enqueue('endless', {}));
    await eventually(() => expect(signals).toHaveLength(1));

    await app.close();

    expect(signals[0]?.aborted).toBe(true);
    expect(signals[0]?.reason).toMatchObject({ code: 'SHUTDOWN' });
    const [element = ''] = await rig.queue('endless').waiting();
    expect(JSON.parse(element.split('\n')[0] ?? '')).not.toHaveProperty('attempt');
    expect(element).toContain(id);
  });
});
