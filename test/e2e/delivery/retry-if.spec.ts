import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  InternalServerErrorException,
  UseGuards,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { IsInt } from 'class-validator';
import {
  InvalidOptionError,
  RedisQueueAdmin,
  RedisQueueServer,
  isWorthRetrying,
} from 'nestjs-redis-queue-transport';
import type { DeadLetterEntry, RedisQueueRetryOptions } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from './controller.js';

const rig = nestRig();

const THRICE = { attempts: 3, backoff: 'fixed', delayMs: 0 } as const;

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

const throwing = (error: unknown) => (): never => {
  throw error;
};

async function deadLetterOf(
  controller: Type,
  retry: RedisQueueRetryOptions = THRICE,
): Promise<DeadLetterEntry> {
  await rig.serve({ controllers: [controller] }, { retry });
  await lastValueFrom(rig.client().enqueue('work', {}));
  return eventually(async () => {
    const { letters } = await admin.deadLetters('work');
    expect(letters).toHaveLength(1);
    return letters[0]!;
  });
}

class Order {
  @IsInt()
  amount!: number;
}

class OrderPipe extends ValidationPipe {
  constructor() {
    super({ expectedType: Order });
  }
}

const guard = UseGuards({ canActivate: () => false });
const client = (status: number): HttpException => new HttpException(`status ${status}`, status);

describe('by default a message is dead-lettered at once if', () => {
  test.each<[string, Type]>([
    ['a guard refuses it', controllerOf('work', () => 1, { decorators: [guard] })],
    ['it is not valid', controllerOf('work', () => 1, { decorators: [UsePipes(OrderPipe)] })],
    ['it is a bad request', controllerOf('work', throwing(new BadRequestException('no')))],
    ['it is forbidden', controllerOf('work', throwing(new ForbiddenException()))],
    ['it fails with 404', controllerOf('work', throwing(client(404)))],
    ['it fails with 499', controllerOf('work', throwing(client(499)))],
  ])('%s, with the reason in the dead letter and in the log', async (_, controller) => {
    const { reason, attempt, id } = await deadLetterOf(controller);

    expect({ reason, attempt }).toEqual({ reason: 'notRetried', attempt: 1 });
    expect(rig.logs.matching('error', new RegExp(`${id}.*notRetried`))).toHaveLength(1);
  });
});

describe('by default a message is tried again if', () => {
  test.each<[string, unknown]>([
    ['it fails with an error', new TypeError('broken')],
    ['it fails with 408', client(408)],
    ['it fails with 425', client(425)],
    ['it fails with 429', client(429)],
    ['it fails with 500', new InternalServerErrorException()],
    ['it fails with an RpcException', new RpcException({ status: 404, message: 'not found' })],
    ['it fails with a text', 'Forbidden resource'],
    ['it fails with nothing', undefined],
  ])('%s', async (_, error) => {
    const { reason, attempt } = await deadLetterOf(controllerOf('work', throwing(error)));

    expect({ reason, attempt }).toEqual({ reason: 'handlerFailed', attempt: 3 });
  });

  test('it is one of a batch that a pipe refuses as a whole', async () => {
    const decorators = [UsePipes({ transform: throwing(new BadRequestException('no')) })];
    const options = { batch: { size: 2, waitMs: 100 }, retry: { ...THRICE, delayMs: 300 } };
    await rig.serve({ controllers: [batchControllerOf('work', options, () => 1, decorators)] });
    await lastValueFrom(rig.client().enqueueMany('work', [1, 2]));

    await eventually(async () =>
      expect(await admin.lengths('work')).toMatchObject({ delayed: 2, dead: 0 }),
    );
  });
});

describe('retry.if', () => {
  class Hopeless extends Error {}

  test('decides in place of the default, with what was thrown', async () => {
    const asked: unknown[] = [];
    const error = new ForbiddenException();
    const { reason } = await deadLetterOf(controllerOf('work', throwing(error)), {
      ...THRICE,
      if: (thrown) => asked.push(thrown) > 0,
    });

    expect(reason).toBe('handlerFailed');
    expect(asked).toEqual([error, error]); // not called for the last attempt
  });

  test('can add to the default, for one handler', async () => {
    const rule = (error: unknown): boolean =>
      isWorthRetrying(error) && !(error instanceof Hopeless);
    const options = { retry: { if: rule } };
    const { reason, attempt } = await deadLetterOf(
      controllerOf('work', throwing(new Hopeless('no')), { options }),
    );

    expect({ reason, attempt }).toEqual({ reason: 'notRetried', attempt: 1 });
  });

  test('is called for one message of a batch that its handler fails', async () => {
    const retry = { ...THRICE, if: (error: unknown) => !(error instanceof Hopeless) };
    const controller = batchControllerOf('work', { batch: { size: 2 }, retry }, (_, context) => {
      for (const item of context.items) item.fail(new Hopeless('no'));
    });

    expect(await deadLetterOf(controller)).toMatchObject({ reason: 'notRetried', attempt: 1 });
  });

  test.each<[string, unknown, RegExp]>([
    [
      'throws',
      throwing(new Error('rule')),
      /retry\.if failed: rule\. The message is tried again.*broken/,
    ],
    [
      'returns a promise',
      () => Promise.reject(new Error('late')),
      /must return true or false, got a promise/,
    ],
    ['returns a text', () => 'no', /must return true or false, got string/],
  ])('that %s lets the message be tried again, and the log says so', async (_, rule, said) => {
    const { reason, attempt, error } = await deadLetterOf(
      controllerOf('work', throwing(new TypeError('broken'))),
      { ...THRICE, if: rule as () => boolean }, // as JavaScript can
    );

    expect({ reason, attempt }).toEqual({ reason: 'handlerFailed', attempt: 3 });
    expect(error.message).toBe('broken');
    expect(rig.logs.matching('warn', said)).toHaveLength(2);
  });

  test('must be a function', () => {
    const make = (): unknown => new RedisQueueServer({ retry: { if: true as never } });
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(/^retry\.if must be a function that gets an error .*, got true/);
  });
});
