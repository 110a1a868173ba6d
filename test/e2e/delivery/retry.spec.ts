import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  BadRequestException,
  Catch,
  HttpException,
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
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import {
  InvalidOptionError,
  RedisQueueAdmin,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import type {
  DeadLetterEntry,
  RedisQueueContext,
  RedisQueueRetryOptions,
} from 'nestjs-redis-queue-transport';
import { concat, lastValueFrom, of, throwError } from 'rxjs';
import type { Observable } from 'rxjs';
import { mergeMap } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from './controller.js';
import type { Handle } from './controller.js';

const rig = nestRig();

const AT_ONCE = { backoff: 'fixed', delayMs: 0 } as const;

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

async function redisNowMs(): Promise<number> {
  const [seconds, microseconds] = await rig.commands.time();
  return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
}

async function theDeadLetter(): Promise<DeadLetterEntry> {
  const letters = await eventually(async () => {
    const page = await admin.deadLetters('work');
    expect(page.letters).toHaveLength(1);
    return page.letters;
  });
  return letters[0]!;
}

describe('an enqueued message whose handler fails', () => {
  test('is handed out again with its attempt counted and everything else unchanged', async () => {
    const contexts: RedisQueueContext[] = [];
    const controller = controllerOf('work', (_, context) => {
      contexts.push(context);
      if (context.getAttempt() < 3) throw new Error('not yet');
    });
    await rig.serve({ controllers: [controller] }, { retry: AT_ONCE });
    const record = new RedisQueueRecordBuilder({ n: 1 }).id('w1').headers({ tenant: 'a' }).build();

    await lastValueFrom(rig.client().enqueue('work', record));

    await eventually(() => expect(contexts).toHaveLength(3));
    expect(contexts.map((context) => context.getAttempt())).toEqual([1, 2, 3]);
    const sentAt = contexts[0]!.getSentAt();
    for (const context of contexts) {
      expect(context.getMessageId()).toBe('w1');
      expect(context.getHeaders()).toEqual({ tenant: 'a' });
      expect(context.getSentAt()).toEqual(sentAt);
      expect(context.getQueue()).toBe('work');
      expect(context.getSignal().aborted).toBe(false);
    }
    await eventually(async () => {
      const { waiting, processing, delayed, dead } = await admin.lengths('work');
      expect({ waiting, processing, delayed, dead }).toEqual({
        waiting: 0,
        processing: 0,
        delayed: 0,
        dead: 0,
      });
    });
  });

  test('is handed out again even if plain data came without an id', async () => {
    const seen: [unknown, number, string | undefined][] = [];
    const controller = controllerOf('work', (data, context) => {
      seen.push([data, context.getAttempt(), context.getMessageId()]);
      if (context.getAttempt() < 3) throw new Error('not yet');
    });
    await rig.serve({ controllers: [controller] }, { retry: AT_ONCE });

    await rig.commands.rpush(rig.queue('work').waitingKey, '{"a":1}');

    await eventually(() => expect(seen).toHaveLength(3));
    const id = seen[1]![2];
    expect(id).toEqual(expect.any(String));
    expect(seen).toEqual([
      [{ a: 1 }, 1, undefined],
      [{ a: 1 }, 2, id],
      [{ a: 1 }, 3, id],
    ]);
  });

  test('is dead-lettered after the last attempt', async () => {
    const attempts: number[] = [];
    const controller = controllerOf('work', (_, context) => {
      attempts.push(context.getAttempt());
      throw new Error(`failed ${context.getAttempt()}`);
    });
    await rig.serve({ controllers: [controller] }, { retry: { ...AT_ONCE, attempts: 4 } });

    const { id } = await lastValueFrom(rig.client().enqueue('work', {}));

    const letter = await theDeadLetter();
    expect(attempts).toEqual([1, 2, 3, 4]);
    expect(letter).toMatchObject({ id, attempt: 4, reason: 'handlerFailed' });
    expect(letter.error.message).toBe('failed 4');
    expect(await rig.queue('work').waiting()).toEqual([]);
    await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
    expect(rig.logs.matching('warn', new RegExp(`Attempt [123] of message ${id}`))).toHaveLength(3);
  });

  test('frees its place for others while it waits for its next attempt', async () => {
    const handled: unknown[] = [];
    const controller = controllerOf('work', (data) => {
      if (data === 'bad') throw new Error('bad');
      handled.push(data);
    });
    const retry = { backoff: 'fixed', delayMs: 60_000 } as const;
    await rig.serve({ controllers: [controller] }, { retry, concurrency: 1 });
    const client = rig.client();

    for (const data of ['bad', 'good', 'better']) await lastValueFrom(client.enqueue('work', data));

    await eventually(() => expect(handled).toEqual(['good', 'better']));
    await eventually(async () => expect(await admin.delayed('work')).toHaveLength(1));
  });
});

describe('the retry policy', () => {
  const cases: readonly [
    string,
    RedisQueueRetryOptions | undefined,
    RedisQueueRetryOptions | undefined,
    number,
  ][] = [
    ['of the server applies to all its handlers', { ...AT_ONCE, attempts: 2 }, undefined, 2],
    ['of a handler replaces what it names', { ...AT_ONCE, attempts: 2 }, { attempts: 3 }, 3],
    [
      'of a handler leaves what it does not name to the server',
      { attempts: 3, backoff: 'fixed', delayMs: 60_000 },
      { delayMs: 0 },
      3,
    ],
    ['of a handler needs none of the server', undefined, { ...AT_ONCE, attempts: 2 }, 2],
    [
      'is not overridden by undefined',
      { ...AT_ONCE, attempts: 2 },
      { attempts: undefined, delayMs: undefined },
      2,
    ],
    ['has 25 attempts by default', AT_ONCE, undefined, 25],
    ['with one attempt means no retry', { attempts: 1 }, undefined, 1],
  ];

  test.each(cases)('%s', async (_, ofServer, ofHandler, attempts) => {
    let runs = 0;
    const handle = (): never => {
      runs += 1;
      throw new Error('always');
    };
    const options = ofHandler === undefined ? {} : { retry: ofHandler };
    await rig.serve(
      { controllers: [controllerOf('work', handle, { options })] },
      ofServer === undefined ? {} : { retry: ofServer },
    );

    await lastValueFrom(rig.client().enqueue('work', {}));

    expect((await theDeadLetter()).attempt).toBe(attempts);
    expect(runs).toBe(attempts);
  });

  test('of one handler does not affect another one of the same server', async () => {
    const runs = { often: 0, once: 0 };
    const often = controllerOf(
      'often',
      () => {
        runs.often += 1;
        throw new Error('often');
      },
      { options: { retry: { attempts: 3 } } },
    );
    const once = controllerOf('once', () => {
      runs.once += 1;
      throw new Error('once');
    });
    await rig.serve({ controllers: [often, once] }, { retry: { ...AT_ONCE, attempts: 1 } });
    const client = rig.client();

    await lastValueFrom(client.enqueue('often', {}));
    await lastValueFrom(client.enqueue('once', {}));

    await eventually(async () => {
      expect(await rig.queue('often').dead()).toHaveLength(1);
      expect(await rig.queue('once').dead()).toHaveLength(1);
    });
    expect(runs).toEqual({ often: 3, once: 1 });
  });

  test.each<[string, RedisQueueRetryOptions, readonly [number, number][]]>([
    [
      'exponential: doubles, is spread over its upper half, and ends at maxDelayMs',
      { backoff: 'exponential', delayMs: 10_000, maxDelayMs: 60_000, attempts: 6 },
      [
        [5_000, 10_000],
        [10_000, 20_000],
        [20_000, 40_000],
        [30_000, 60_000],
        [30_000, 60_000],
      ],
    ],
    [
      'fixed: stays the same',
      { backoff: 'fixed', delayMs: 10_000, attempts: 4 },
      [
        [10_000, 10_000],
        [10_000, 10_000],
        [10_000, 10_000],
      ],
    ],
    ['by default: begins with up to a second', {}, [[500, 1_000]]],
  ])('pauses %s', async (_, retry, bounds) => {
    const failures: number[] = [];
    const controller = controllerOf('work', async () => {
      failures.push(await redisNowMs());
      throw new Error('always');
    });
    await rig.serve({ controllers: [controller] }, { retry });
    await lastValueFrom(rig.client().enqueue('work', {}));

    for (const [index, [least, most]] of bounds.entries()) {
      const dueMs = await eventually(async () => {
        const [delayed] = await admin.delayed('work');
        expect(delayed?.attempt).toBe(index + 2);
        return delayed!.dueAt.getTime();
      });
      // The pause begins between the failure and now.
      expect(dueMs).toBeGreaterThanOrEqual(Math.floor(failures[index]! + least));
      expect(dueMs).toBeLessThanOrEqual(Math.ceil((await redisNowMs()) + most));
      expect(await admin.advanceDelayed('work')).toBe(1);
    }
  });

  test('spreads messages that failed together', async () => {
    const controller = controllerOf('work', () => {
      throw new Error('all at once');
    });
    await rig.serve({ controllers: [controller] }, { retry: { delayMs: 60_000 } });
    const client = rig.client();

    await Promise.all(
      Array.from({ length: 40 }, (_, n) => lastValueFrom(client.enqueue('work', n))),
    );

    const due = await eventually(async () => {
      const delayed = await admin.delayed('work');
      expect(delayed).toHaveLength(40);
      return delayed.map(({ dueAt }) => dueAt.getTime());
    });
    // Of 40 even draws from 30 s, the odds that all are within 10 s are one in 3^39.
    expect(Math.max(...due) - Math.min(...due)).toBeGreaterThan(10_000);
  });

  test.each<[object, string, RegExp]>([
    [
      { attempts: 0 },
      'retry.attempts',
      /^retry\.attempts must be a whole number of attempts ≥ 1, got 0/,
    ],
    [{ attempts: 1.5 }, 'retry.attempts', /got 1\.5/],
    [{ attempts: Infinity }, 'retry.attempts', /attempts must be a whole number/],
    [
      { backoff: 'linear' },
      'retry.backoff',
      /backoff must be 'fixed' or 'exponential', got "linear"/,
    ],
    [{ delayMs: -1 }, 'retry.delayMs', /delayMs must be a whole number of milliseconds/],
    [{ delayMs: '1s' }, 'retry.delayMs', /got "1s"/],
    [{ maxDelay: 5 }, 'retry.maxDelay', /did you mean maxDelayMs\?/],
    [[], 'retry', /retry must be an object/],
  ])('%j is refused, of a server and of a handler', async (retry, option, message) => {
    const refused = expect.objectContaining({
      name: InvalidOptionError.name,
      option,
      message: expect.stringMatching(message) as unknown,
    }) as unknown;

    expect(() => rig.strategy({ retry })).toThrow(InvalidOptionError);
    const parts = { controllers: [controllerOf('work', () => undefined, { options: { retry } })] };
    await expect(rig.serve(parts)).rejects.toEqual(refused);
  });
});

describe('the order of messages', () => {
  test('is kept by a retry without a pause: the message comes back at the head', async () => {
    const started: string[] = [];
    const controller = controllerOf('work', (data, context) => {
      started.push(`${String(data)}${context.getAttempt()}`);
      if (data === 'a' && context.getAttempt() < 3) throw new Error('again');
    });
    const client = rig.client();
    for (const data of ['a', 'b', 'c']) await lastValueFrom(client.enqueue('work', data));

    await rig.serve({ controllers: [controller] }, { retry: AT_ONCE, concurrency: 1 });

    await eventually(() => expect(started).toEqual(['a1', 'a2', 'a3', 'b1', 'c1']));
  });

  test('is kept by several messages that fail together', async () => {
    const started: string[] = [];
    const gate = new Gate();
    const controller = controllerOf('work', async (data, context) => {
      started.push(`${String(data)}${context.getAttempt()}`);
      if (context.getAttempt() > 1) return;
      await gate.opened;
      if (['a', 'b', 'c'].includes(String(data))) throw new Error('again');
    });
    const client = rig.client();
    for (const data of ['a', 'b', 'c', 'd', 'e']) await lastValueFrom(client.enqueue('work', data));
    await rig.serve({ controllers: [controller] }, { retry: AT_ONCE, concurrency: 3 });
    await eventually(() => expect(started).toHaveLength(3));

    gate.open();

    await eventually(() =>
      expect(started).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'd1', 'e1']),
    );
  });
});

describe('a request whose handler fails', () => {
  test('gets the error as its answer, and is not retried', async () => {
    const attempts: number[] = [];
    const controller = controllerOf('work', (_, context) => {
      attempts.push(context.getAttempt());
      throw new RpcException('failed');
    });
    await rig.serve({ controllers: [controller] }, { retry: { ...AT_ONCE, attempts: 3 } });
    const client = rig.client();

    await expect(lastValueFrom(client.send('work', {}))).rejects.toMatchObject({
      message: 'failed',
    });

    await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
    expect(attempts).toEqual([1]);
    expect(await admin.lengths('work')).toMatchObject({ waiting: 0, delayed: 0, dead: 0 });
  });
});

class StockError extends Error {
  override readonly name = 'StockError';
  readonly item = 7;
}

const fail = (error: unknown): never => {
  throw error;
};

class FailingPipe implements PipeTransform {
  transform(): never {
    return fail(new BadRequestException('not valid'));
  }
}

class RefusingGuard implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

class FailingGuard implements CanActivate {
  canActivate(): never {
    return fail(new StockError('guard failed'));
  }
}

class FailingInterceptor implements NestInterceptor {
  intercept(): never {
    return fail(new StockError('before'));
  }
}

class LateFailingInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(mergeMap(() => throwError(() => new StockError('after'))));
  }
}

/** Gives the caller something other than what was thrown. */
@Catch()
class TranslatingFilter implements RpcExceptionFilter {
  catch(): Observable<never> {
    return throwError(() => ({ status: 'error', message: 'Sorry.' }));
  }
}

interface ThrowCase {
  readonly handle?: Handle;
  readonly decorators?: readonly MethodDecorator[];
  readonly name: string;
  readonly message: string;
  /** Whether what was thrown has a stack. */
  readonly hasStack?: false;
}

/** Nest gives it no name of its own, so its class is named. */
const RPC_EXCEPTION = 'RpcException';

const thrown: Readonly<Record<string, ThrowCase>> = {
  'an Error': { handle: () => fail(new Error('plain')), name: 'Error', message: 'plain' },
  'a rejection': {
    handle: () => Promise.reject(new TypeError('late')),
    name: 'TypeError',
    message: 'late',
  },
  'a subclass': {
    handle: () => fail(new StockError('sold out')),
    name: 'StockError',
    message: 'sold out',
  },
  'an HttpException': {
    handle: () => fail(new HttpException({ code: 7, message: 'teapot' }, 418)),
    name: 'HttpException',
    message: 'teapot',
  },
  'an RpcException with text': {
    handle: () => fail(new RpcException('text')),
    name: RPC_EXCEPTION,
    message: 'text',
  },
  'an RpcException with an object': {
    handle: () => fail(new RpcException({ code: 7, message: 'coded' })),
    name: RPC_EXCEPTION,
    message: 'coded',
  },
  'an Error with a cause': {
    handle: () => fail(new Error('outer', { cause: new Error('inner') })),
    name: 'Error',
    message: 'outer',
  },
  'an Observable that errors': {
    handle: () => throwError(() => new StockError('observable')),
    name: 'StockError',
    message: 'observable',
  },
  'an Observable that errors after a value': {
    handle: () =>
      concat(
        of(1),
        throwError(() => new StockError('second')),
      ),
    name: 'StockError',
    message: 'second',
  },
  'a pipe that throws': {
    decorators: [UsePipes(FailingPipe)],
    name: 'BadRequestException',
    message: 'not valid',
  },
  'a guard that refuses': {
    decorators: [UseGuards(RefusingGuard)],
    name: RPC_EXCEPTION,
    message: 'Forbidden resource',
  },
  'a guard that throws': {
    decorators: [UseGuards(FailingGuard)],
    name: 'StockError',
    message: 'guard failed',
  },
  'an interceptor that throws before the handler': {
    decorators: [UseInterceptors(FailingInterceptor)],
    name: 'StockError',
    message: 'before',
  },
  'an interceptor that fails after the handler': {
    decorators: [UseInterceptors(LateFailingInterceptor)],
    name: 'StockError',
    message: 'after',
  },
  text: { handle: () => fail('just text'), name: 'Error', message: 'just text', hasStack: false },
  'an object': {
    handle: () => fail({ code: 7 }),
    name: 'Error',
    message: '{"code":7}',
    hasStack: false,
  },
};

describe.each([
  ['without a filter', []],
  ['behind a filter that translates', [UseFilters(TranslatingFilter)]],
])('a dead letter %s', (_, filters) => {
  test.each(Object.keys(thrown))('keeps what was really thrown: %s', async (what) => {
    const {
      handle = () => 'not reached',
      decorators = [],
      name,
      message,
      hasStack,
    } = thrown[what]!;
    const controller = controllerOf('work', handle, { decorators: [...decorators, ...filters] });
    await rig.serve(
      { controllers: [controller] },
      { retry: { ...AT_ONCE, attempts: 2, if: () => true } },
    );

    await lastValueFrom(rig.client().enqueue('work', {}));

    const { reason, attempt, error } = await theDeadLetter();
    expect({ reason, attempt }).toEqual({ reason: 'handlerFailed', attempt: 2 });
    expect(error).toMatchObject({ name, message });
    if (hasStack === false) expect(error.stack).toBeUndefined();
    else expect(error.stack).toMatch(new RegExp(`${message}[^]*\\n +at `));
  });
});
