import { describe, expect, test } from '@jest/globals';
import { Catch, UseFilters, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import type {
  ArgumentsHost,
  CallHandler,
  CanActivate,
  ExecutionContext,
  NestInterceptor,
  PipeTransform,
  RpcExceptionFilter,
} from '@nestjs/common';
import type { RedisQueueBatchContext } from 'nestjs-redis-queue-transport';
import { lastValueFrom, of } from 'rxjs';
import type { Observable } from 'rxjs';
import { finalize } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from './controller.js';
import type { HandleBatch } from './controller.js';

const rig = nestRig();
const options = { batch: { size: 5 }, retry: { attempts: 1 } };

async function serve(handle: HandleBatch, ...decorators: MethodDecorator[]): Promise<void> {
  const client = rig.client();
  for (const one of [1, 2, 3]) await lastValueFrom(client.enqueue('work', one));
  await rig.serve({ controllers: [batchControllerOf('work', options, handle, decorators)] });
}

async function deadErrors(): Promise<string[]> {
  return (await rig.queue('work').dead()).map(({ dead }) => dead.error.message);
}

const fail: HandleBatch = () => {
  throw new TypeError('the cause');
};

describe('the call of a batch handler', () => {
  test('goes through pipes, which see the array', async () => {
    const batches: unknown[][] = [];
    const double: PipeTransform = {
      transform: (value: unknown) =>
        Array.isArray(value) ? value.map((one) => Number(one) * 2) : value,
    };

    await serve((data) => void batches.push(data), UsePipes(double));

    await eventually(() => expect(batches).toEqual([[2, 4, 6]]));
  });

  test('goes through guards once, and fails as a whole if one refuses', async () => {
    const asked: number[] = [];
    const refuse: CanActivate = {
      canActivate: (host: ExecutionContext) => {
        const context = host.switchToRpc().getContext<RedisQueueBatchContext>();
        asked.push(context.items.length);
        return false;
      },
    };

    await serve(() => expect(true).toBe(false), UseGuards(refuse));

    await eventually(async () => expect(await deadErrors()).toHaveLength(3));
    expect(await deadErrors()).toEqual(Array(3).fill('Forbidden resource'));
    expect(asked).toEqual([3]);
  });

  test('goes through interceptors once, and is settled after what they do', async () => {
    const seen: unknown[] = [];
    const note: NestInterceptor = {
      intercept: (_: ExecutionContext, next: CallHandler): Observable<unknown> => {
        seen.push('before');
        return next.handle().pipe(finalize(() => seen.push('after')));
      },
    };

    await serve((data) => void seen.push(data), UseInterceptors(note));

    await eventually(() => expect(seen).toEqual(['before', [1, 2, 3], 'after']));
    await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
  });

  test('keeps the cause of a failure for the dead letters, no matter what filters make of it', async () => {
    await serve(fail);

    await eventually(async () => expect(await deadErrors()).toEqual(Array(3).fill('the cause')));
  });

  test('goes through filters, and fails no matter what one makes of the error', async () => {
    const caught: unknown[] = [];
    @Catch()
    class Forgive implements RpcExceptionFilter {
      catch(error: unknown, host: ArgumentsHost): Observable<unknown> {
        const { items } = host.switchToRpc().getContext<RedisQueueBatchContext>();
        caught.push([(error as Error).message, items.length]);
        return of('forgiven');
      }
    }

    await serve(fail, UseFilters(new Forgive()));

    await eventually(() => expect(caught).toEqual([['the cause', 3]]));
    await eventually(async () => expect(await deadErrors()).toEqual(Array(3).fill('the cause')));
  });
});
