import { describe, expect, test } from '@jest/globals';
import { Catch, Controller, UseFilters } from '@nestjs/common';
import type { RpcExceptionFilter } from '@nestjs/common';
import { MessagePattern, RpcException } from '@nestjs/microservices';
import { UnencodableError } from 'nestjs-redis-queue-transport';
import {
  EMPTY,
  Observable,
  concat,
  firstValueFrom,
  from,
  lastValueFrom,
  of,
  throwError,
  timer,
} from 'rxjs';
import { catchError, map, toArray } from 'rxjs/operators';
import { brief } from '../../support/brief.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

@Controller()
class SumController {
  @MessagePattern({ cmd: 'sum' })
  sum(numbers: number[]): number {
    return sumOf(numbers);
  }

  @MessagePattern({ cmd: 'asyncSum' })
  async asyncSum(numbers: number[]): Promise<number> {
    return Promise.resolve(sumOf(numbers));
  }

  @MessagePattern({ cmd: 'observableSum' })
  observableSum(numbers: number[]): Observable<number> {
    return of(sumOf(numbers));
  }

  @MessagePattern({ cmd: 'promisedObservableSum' })
  async promisedObservableSum(numbers: number[]): Promise<Observable<number>> {
    return Promise.resolve(of(sumOf(numbers)));
  }

  @MessagePattern({ cmd: 'runningSums' })
  runningSums(numbers: number[]): Observable<number> {
    return from(numbers.map((_, index) => sumOf(numbers.slice(0, index + 1))));
  }

  @MessagePattern({ cmd: 'slowStream' })
  slowStream(numbers: number[]): Observable<number> {
    return concat(...numbers.map((number) => timer(5).pipe(map(() => number))));
  }
}

describe('a request', () => {
  test.each(['sum', 'asyncSum', 'observableSum', 'promisedObservableSum'])(
    'is answered by a handler of the kind %s',
    async (cmd) => {
      await rig.serve({ controllers: [SumController] });

      const values = rig.client().send<number>({ cmd }, [1, 2, 3, 4, 5]).pipe(toArray());

      expect(await lastValueFrom(values)).toEqual([15]);
    },
  );

  test.each([
    ['at once', 'runningSums', [1, 3, 6]],
    ['one by one', 'slowStream', [1, 2, 3]],
  ])('is answered by several values that come %s', async (_, cmd, expected) => {
    await rig.serve({ controllers: [SumController] });

    const values = rig.client().send<number>({ cmd }, [1, 2, 3]).pipe(toArray());

    expect(await lastValueFrom(values)).toEqual(expected);
  });

  test('is answered by ten thousand values in order', async () => {
    const numbers = Array.from({ length: 10_000 }, (_, index) => index);
    @Controller()
    class CountController {
      @MessagePattern('count')
      count(): Observable<number> {
        return from(numbers);
      }
    }
    await rig.serve({ controllers: [CountController] });

    const values = rig.client().send<number>('count', {}).pipe(toArray());

    expect(brief(await lastValueFrom(values))).toEqual(brief(numbers));
  });

  test.each([10, 100])('is answered while %i others are answered too', async (count) => {
    await rig.serve({ controllers: [SumController] });
    const client = rig.client();
    const numbers = Array.from({ length: count }, (_, index) => index);

    const answers = numbers.map((number) =>
      lastValueFrom(client.send<number>({ cmd: 'asyncSum' }, [number, 1])),
    );

    expect(await Promise.all(answers)).toEqual(numbers.map((number) => number + 1));
  });

  test('is sent anew by each subscription, and only then', async () => {
    let calls = 0;
    @Controller()
    class CallController {
      @MessagePattern('call')
      call(): number {
        calls += 1;
        return calls;
      }
    }
    await rig.serve({ controllers: [CallController] });
    const client = rig.client();
    await client.connect();

    const request = client.send<number>('call', {});

    expect(await lastValueFrom(client.send('call', {}))).toBe(1);
    expect(await lastValueFrom(request)).toBe(2);
    expect(await lastValueFrom(request)).toBe(3);
  });
});

describe('the answer', () => {
  test.each([
    ['0', 0],
    ['an empty text', ''],
    ['false', false],
    ['null', null],
    ['an empty list', []],
    ['an empty object', {}],
    ['text in several scripts', 'Grüße, 你好, 🚀 \u0000 \n'],
    ['something nested', { a: [1, { b: null }], date: '2024-02-29T00:00:00.000Z' }],
    ['data that look like a reply', { err: 'x', response: 1, isDisposed: true, id: '1' }],
  ])('can be %s, and so can the data', async (_, value) => {
    @Controller()
    class EchoController {
      @MessagePattern('echo')
      echo(data: { value: unknown }): unknown {
        return data.value;
      }

      @MessagePattern('whole')
      whole(data: unknown): unknown {
        return data;
      }
    }
    await rig.serve({ controllers: [EchoController] });
    const client = rig.client();

    expect(await lastValueFrom(client.send('echo', { value }).pipe(toArray()))).toEqual([value]);
    if (value !== null) {
      expect(await lastValueFrom(client.send('whole', value).pipe(toArray()))).toEqual([value]);
    }
  });

  test.each([
    ['returns undefined', (): unknown => undefined],
    ['returns a promise of undefined', (): unknown => Promise.resolve(undefined)],
    ['returns EMPTY', (): unknown => EMPTY],
    ['returns a promise of EMPTY', (): unknown => Promise.resolve(EMPTY)],
    ['returns an Observable of undefined', (): unknown => of(undefined)],
    [
      'completes later without a value',
      (): unknown =>
        concat(timer(5)).pipe(
          toArray(),
          map(() => undefined),
        ),
    ],
  ])('has no value and no error if the handler %s', async (_, answer) => {
    @Controller()
    class SilentController {
      @MessagePattern('silent')
      silent(): unknown {
        return answer();
      }
    }
    await rig.serve({ controllers: [SilentController] });

    const values = rig.client().send('silent', {}).pipe(toArray());

    expect(await lastValueFrom(values)).toEqual([]);
  });

  test('keeps an undefined among its values', async () => {
    @Controller()
    class HolesController {
      @MessagePattern('holes')
      holes(): Observable<unknown> {
        return concat(of(1, undefined), timer(5).pipe(map(() => null)), of(2));
      }
    }
    await rig.serve({ controllers: [HolesController] });

    const values = rig.client().send('holes', {}).pipe(toArray());

    expect(await lastValueFrom(values)).toEqual([1, undefined, null, 2]);
  });
});

describe('an error', () => {
  async function errorOf(handler: () => unknown): Promise<unknown> {
    @Controller()
    class FailingController {
      @MessagePattern('fail')
      fail(): unknown {
        return handler();
      }
    }
    await rig.serve({ controllers: [FailingController] });
    return failureOf(rig.client().send('fail', {}));
  }

  function failureOf(answer: Observable<unknown>): Promise<unknown> {
    return lastValueFrom(
      answer.pipe(
        map((value) => ({ value })),
        catchError((error: unknown) => of(error)),
      ),
    );
  }

  const failWith = (error: unknown): never => {
    throw error;
  };

  test.each([
    ['thrown', () => failWith(new Error('secret'))],
    ['a rejection', () => Promise.reject(new Error('secret'))],
    ['of an Observable', () => throwError(() => new Error('secret'))],
    ['of an Observable later on', () => timer(5).pipe(map(() => failWith(new Error('secret'))))],
    ['thrown without a type', () => failWith('secret')],
    ['thrown as nothing', () => failWith(undefined)],
  ])('of an unknown type, %s, arrives the way Nest hides it', async (_, handler) => {
    expect(await errorOf(handler)).toEqual({ message: 'Internal server error', status: 'error' });
  });

  test.each([
    ['a text', new RpcException('sold out'), { message: 'sold out', status: 'error' }],
    ['an empty text', new RpcException(''), { message: '', status: 'error' }],
    ['an object', new RpcException({ code: 17, sku: 'A' }), { code: 17, sku: 'A' }],
  ])('made with %s arrives unchanged', async (_, exception, expected) => {
    expect(await errorOf(() => failWith(exception))).toEqual(expected);
  });

  test.each([
    ['an empty text', ''],
    ['0', 0],
    ['false', false],
    ['null', null],
  ])('that a filter made of %s is an error for the caller too', async (_, thrown) => {
    @Catch()
    class FalsyFilter implements RpcExceptionFilter {
      catch(): Observable<never> {
        return throwError(() => thrown);
      }
    }
    @UseFilters(FalsyFilter)
    @Controller()
    class FilteredController {
      @MessagePattern('filtered')
      filtered(): never {
        return failWith(new Error('anything'));
      }
    }
    await rig.serve({ controllers: [FilteredController] });

    const error = await failureOf(rig.client().send('filtered', {}));

    expect(error).toEqual({ message: 'Internal server error', status: 'error' });
  });

  test('ends a stream after the values before it', async () => {
    @Controller()
    class BreakingController {
      @MessagePattern('break')
      break(): Observable<number> {
        return concat(
          of(1, 2),
          throwError(() => new RpcException('broken')),
        );
      }
    }
    await rig.serve({ controllers: [BreakingController] });
    const seen: unknown[] = [];

    const end = rig
      .client()
      .send('break', {})
      .pipe(
        map((value: unknown) => seen.push(value)),
        catchError((error: unknown) => of(error)),
      );

    expect(await lastValueFrom(end)).toEqual({ message: 'broken', status: 'error' });
    expect(seen).toEqual([1, 2]);
  });

  test('is sent if the answer cannot be written', async () => {
    const error = await errorOf(() => ({ count: 1n }));

    expect(error).toMatchObject({ status: 'error', message: expect.stringMatching(/BigInt/) });
    expect(rig.logs.matching('error', /BigInt/)).not.toEqual([]);
  });

  test('is sent even if the error itself cannot be written', async () => {
    const error = await errorOf(() => failWith(new RpcException({ count: 1n })));

    expect(error).toMatchObject({ status: 'error', message: expect.stringMatching(/BigInt/) });
  });

  test('is thrown at once if the data cannot be written', async () => {
    await rig.serve({ controllers: [SumController] });
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const client = rig.client();

    for (const data of [1n, { n: 1n }, circular]) {
      await expect(firstValueFrom(client.send({ cmd: 'sum' }, data))).rejects.toThrow(
        UnencodableError,
      );
      await expect(firstValueFrom(client.enqueue({ cmd: 'sum' }, data))).rejects.toThrow(
        UnencodableError,
      );
      await expect(firstValueFrom(client.emit({ cmd: 'sum' }, data))).rejects.toThrow(
        UnencodableError,
      );
    }
    expect(await rig.queue('{"cmd":"sum"}').waiting()).toEqual([]);
  });
});
