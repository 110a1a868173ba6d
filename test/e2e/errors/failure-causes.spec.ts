import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  BadRequestException,
  Catch,
  NotFoundException,
  UseFilters,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { BaseRpcExceptionFilter, RpcException } from '@nestjs/microservices';
import { IsInt, IsNotEmpty } from 'class-validator';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { DeadLetterEntry } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';

const rig = nestRig();

const TWICE = {
  retry: { attempts: 2, backoff: 'fixed', delayMs: 0, if: () => true },
} as const;

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

const throwing = (error: unknown) => (): never => {
  throw error;
};

function deadLetters(count = 1): Promise<readonly DeadLetterEntry[]> {
  return eventually(async () => {
    const { letters } = await admin.deadLetters('work');
    expect(letters).toHaveLength(count);
    return letters;
  });
}

async function failWith(
  error: unknown,
  ...decorators: MethodDecorator[]
): Promise<DeadLetterEntry> {
  await rig.serve({ controllers: [controllerOf('work', throwing(error), { decorators })] }, TWICE);
  await lastValueFrom(rig.client().enqueue('work', { amount: 'many' }));
  const [letter] = await deadLetters();
  return letter!;
}

/** Lines of any level that match. */
function linesWith(text: RegExp): string[] {
  return rig.logs.lines.filter((line) => text.test(line.text)).map((line) => line.text);
}

class Order {
  @IsInt()
  amount!: number;

  @IsNotEmpty()
  product!: string;
}

const validate = UsePipes(new ValidationPipe({ expectedType: Order }));
const FIELD_ERRORS = ['amount must be an integer number', 'product should not be empty'];

describe('the log says why', () => {
  test('an attempt failed, once, with one stack', async () => {
    const { id } = await failWith(new TypeError('broken'));

    const [retried, dead, ...more] = rig.logs.lines.filter(({ text }) => text.includes('broken'));
    expect(more).toEqual([]);
    expect(retried?.text).toBe(
      `Attempt 1 of message ${id} of "work" failed; the next one starts in 0 ms: TypeError: broken`,
    );
    expect(retried?.stack).toMatch(/^TypeError: broken\n +at /);
    expect(dead?.text).toBe(
      `Dead-lettered message ${id} of "work" (handlerFailed): TypeError: broken`,
    );
    expect(rig.logs.lines.filter(({ context }) => context === 'RpcExceptionsHandler')).toEqual([]);
  });

  test('an attempt failed with an exception that explains itself, without a stack', async () => {
    await failWith(new RpcException({ code: 42, message: 'no stock' }));

    const [retried, dead] = linesWith(/no stock/);
    expect(retried).toMatch(/ms: RpcException: no stock {"code":42,"message":"no stock"}$/);
    expect(dead).toMatch(
      /\(handlerFailed\): RpcException: no stock {"code":42,"message":"no stock"}$/,
    );
  });

  test('a message is not valid', async () => {
    await failWith(undefined, validate);

    const [retried] = linesWith(/Attempt 1 /);
    for (const error of FIELD_ERRORS) expect(retried).toContain(error);
  });

  test('all messages of a batch failed with one error, with one stack', async () => {
    const options = { batch: { size: 3, waitMs: 200 }, ...TWICE };
    const handle = throwing(new TypeError('broken'));
    await rig.serve({ controllers: [batchControllerOf('work', options, handle)] });
    await lastValueFrom(rig.client().enqueueMany('work', [1, 2, 3]));
    await deadLetters(3);

    const retried = rig.logs.lines.filter(({ text }) => /^Attempt 1 .*: broken$/.test(text));
    expect(retried).toHaveLength(3);
    expect(retried.filter(({ stack }) => stack !== undefined)).toHaveLength(1);
  });

  test('a handler of live events failed, once', async () => {
    const live = eventControllerOf('order.placed', throwing(new TypeError('broken')));
    await rig.serve({ controllers: [live] });
    await lastValueFrom(rig.client().emit('order.placed', {}));

    await eventually(() => expect(linesWith(/broken/)).toHaveLength(1));
  });

  test('a request failed whose caller is not told the cause', async () => {
    const controller = controllerOf('work', () => 'done', { decorators: [validate] });
    await rig.serve({ controllers: [controller] });

    const answer = lastValueFrom(rig.client().send('work', { amount: 'many' }));

    await expect(answer).rejects.toEqual({ status: 'error', message: 'Internal server error' });
    const lines = linesWith(/^The request .* to "work" failed/);
    expect(lines).toHaveLength(1);
    for (const error of FIELD_ERRORS) expect(lines[0]).toContain(error);
  });

  test('and logs nothing for a request whose caller is told the cause', async () => {
    const controller = controllerOf('work', throwing(new RpcException('no stock')));
    await rig.serve({ controllers: [controller] });

    await expect(lastValueFrom(rig.client().send('work', {}))).rejects.toMatchObject({
      message: 'no stock',
    });
    expect(linesWith(/no stock/)).toEqual([]);
  });

  test("and does not replace a filter that extends Nest's own", async () => {
    @Catch()
    class TellingFilter extends BaseRpcExceptionFilter {
      override handleUnknownError(exception: Error, status: string) {
        return super.handleUnknownError(new NotFoundException(exception.message), status);
      }
    }
    const decorators = [UseFilters(new TellingFilter())];
    const controller = controllerOf('work', throwing(new Error('x')), { decorators });
    await rig.serve({ controllers: [controller] });

    await expect(lastValueFrom(rig.client().send('work', {}))).rejects.toMatchObject({
      message: 'Internal server error',
    });
  });
});

describe('a dead letter keeps as details', () => {
  const circle: Record<string, unknown> = { code: 7, message: 'round' };
  circle['self'] = circle;
  class Unreadable extends BadRequestException {
    override getResponse(): never {
      throw new Error('cannot be read');
    }
  }

  test.each<[string, unknown, unknown]>([
    [
      'the error of an RpcException',
      new RpcException({ code: 42, message: 'no stock' }),
      { code: 42, message: 'no stock' },
    ],
    [
      'the response of an HttpException',
      new BadRequestException({ fields: ['amount'], message: 'no' }),
      { fields: ['amount'], message: 'no' },
    ],
    [
      'a circular object as far as it goes',
      new RpcException(circle),
      { code: 7, message: 'round', self: '[circular]' },
    ],
    ['values that JSON does not know as text', new RpcException({ n: 7n }), { n: '7' }],
    ['nothing if that is the message itself', new RpcException('no stock'), undefined],
    ['nothing of a plain error', Object.assign(new Error('no'), { password: 'secret' }), undefined],
    ['nothing of a value that cannot be read', new Unreadable('no'), undefined],
  ])('%s', async (_, error, details) => {
    const { error: kept } = await failWith(error);

    expect(kept.details).toEqual(details);
  });

  test('the errors of each invalid field', async () => {
    const { error } = await failWith(undefined, validate);

    expect(error).toMatchObject({
      name: 'BadRequestException',
      details: { statusCode: 400, message: FIELD_ERRORS },
    });
  });

  test('the beginning of a long value', async () => {
    const { error } = await failWith(new RpcException({ list: Array(10_000).fill('item') }));

    expect(error.details).toMatch(/^{"list":\["item","item",.*…$/);
    expect(String(error.details).length).toBeLessThan(5_000);
  });
});

test('the caller of a request gets the message of an error that cannot be written', async () => {
  const circle: Record<string, unknown> = { message: 'no stock' };
  circle['self'] = circle;
  const controller = controllerOf('work', throwing(new RpcException(circle)));
  await rig.serve({ controllers: [controller] });

  await expect(lastValueFrom(rig.client().send('work', {}))).rejects.toEqual({
    status: 'error',
    message: 'no stock',
  });
});
