import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  DeadLetter,
  InvalidOptionError,
  RedisQueueAdmin,
  RedisQueueRecordBuilder,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueBatchContext, RedisQueueServerOptions } from 'nestjs-redis-queue-transport';
import { concat, from, lastValueFrom, of } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from './controller.js';

const rig = nestRig();

const AT_ONCE = { backoff: 'fixed', delayMs: 0 } as const;
const LONG_MS = 60_000;

async function fill(...data: readonly unknown[]): Promise<void> {
  const client = rig.client();
  for (const one of data) await lastValueFrom(client.enqueue('work', one));
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

async function expectAllSettled(): Promise<void> {
  await eventually(async () => {
    expect(await rig.queue('work').waiting()).toEqual([]);
    expect(await rig.queue('work').held()).toBe(0);
  });
}

describe('a batch handler', () => {
  test('gets waiting messages in arrays of at most its size, in order, one array at a time', async () => {
    const batches: unknown[][] = [];
    let running = 0;
    const controller = batchControllerOf('work', { batch: { size: 10 } }, async (data) => {
      expect((running += 1)).toBe(1);
      await new Promise(setImmediate);
      running -= 1;
      batches.push(data);
    });
    await fill(...numbers(25));

    await rig.serve({ controllers: [controller] });

    await eventually(() => expect(batches.flat()).toEqual(numbers(25)));
    expect(batches.map(({ length }) => length)).toEqual([10, 10, 5]);
    await expectAllSettled();
  });

  test('does not get messages that expire while a batch gathers; they are counted', async () => {
    const batches: unknown[][] = [];
    const controller = batchControllerOf('work', { batch: { size: 10, waitMs: 1_000 } }, (data) => {
      batches.push(data);
    });
    await rig.serve({ controllers: [controller] });
    const expiring = (data: unknown) => new RedisQueueRecordBuilder(data).expiresIn(500).build();

    await fill('first', expiring('late'), 'second', expiring('late'));

    await eventually(() => expect(batches).toEqual([['first', 'second']]));
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    await eventually(async () => expect((await admin.lengths('work')).expired).toBe(2));
    await expectAllSettled();

    await fill(expiring('alone'));

    await eventually(async () => expect((await admin.lengths('work')).expired).toBe(3));
    expect(batches).toHaveLength(1);
  });

  test('waits for more messages until the batch is full', async () => {
    const batches: unknown[][] = [];
    const batch = { size: 3, waitMs: LONG_MS };
    const controller = batchControllerOf('work', { batch }, (data) => void batches.push(data));
    await rig.serve({ controllers: [controller] });

    await fill(1, 2, 3);

    await eventually(() => expect(batches).toEqual([[1, 2, 3]]));
  });

  test('waits no longer than waitMs', async () => {
    const batches: unknown[][] = [];
    const batch = { size: 3, waitMs: 50 };
    const controller = batchControllerOf('work', { batch }, (data) => void batches.push(data));
    await rig.serve({ controllers: [controller] });

    await fill(1);

    await eventually(() => expect(batches).toEqual([[1]]));
  });

  test('runs as many batches at once as its concurrency says', async () => {
    const gate = new Gate();
    const begun: unknown[][] = [];
    const options = { batch: { size: 2 }, concurrency: 2 };
    const controller = batchControllerOf('work', options, (data) => {
      begun.push(data);
      return gate.opened;
    });
    await fill(...numbers(6));
    await rig.serve({ controllers: [controller] }, { concurrency: 7 });

    await eventually(() => expect(begun).toHaveLength(2));
    expect(await rig.queue('work').held()).toBe(4);
    expect(await rig.queue('work').waiting()).toHaveLength(2);
    gate.open();

    await eventually(() => expect(begun.flat()).toEqual(numbers(6)));
    await expectAllSettled();
  });

  test('can look at each of its messages', async () => {
    const contexts: RedisQueueBatchContext[] = [];
    const controller = batchControllerOf(
      'work',
      { batch: { size: 5 } },
      (_, context) => void contexts.push(context),
    );
    const record = (id: string): unknown =>
      new RedisQueueRecordBuilder({ id }).id(id).headers({ of: id }).build();
    await fill(record('a'), record('b'));
    await rig.commands.rpush(rig.queue('work').waitingKey, '{"plain":true}');

    await rig.serve({ controllers: [controller] });

    await eventually(() => expect(contexts).toHaveLength(1));
    const [context] = contexts;
    expect(context!.getPattern()).toBe('work');
    expect(context!.getQueue()).toBe('work');
    expect(context!.getSignal().aborted).toBe(false);
    expect(context!.items).toHaveLength(3);
    expect(context!.items.map((item) => item.getMessageId())).toEqual(['a', 'b', undefined]);
    expect(context!.items.map((item) => item.getHeaders()['of'])).toEqual(['a', 'b', undefined]);
    expect(context!.items.map((item) => item.getAttempt())).toEqual([1, 1, 1]);
    expect(context!.items.map((item) => item.data)).toEqual([
      { id: 'a' },
      { id: 'b' },
      { plain: true },
    ]);
  });

  test('is done when what it returned is done', async () => {
    const gate = new Gate();
    const begun = new Gate();
    const controller = batchControllerOf('work', { batch: { size: 5 } }, () => {
      begun.open();
      return concat(of('a value'), from(gate.opened));
    });
    await fill(1, 2);
    await rig.serve({ controllers: [controller] });

    await begun.opened;
    expect(await rig.queue('work').held()).toBe(2);
    gate.open();

    await expectAllSettled();
  });

  test('does not get messages that cannot be read; they are dead-lettered', async () => {
    const batches: unknown[][] = [];
    const controller = batchControllerOf(
      'work',
      { batch: { size: 5 } },
      (data) => void batches.push(data),
    );
    await rig.commands.rpush(rig.queue('work').waitingKey, '1', '{broken', '2');

    await rig.serve({ controllers: [controller] });

    await eventually(() => expect(batches).toEqual([[1, 2]]));
    await expectAllSettled();
    expect((await rig.queue('work').dead()).map(({ dead }) => dead.reason)).toEqual([
      'undecodable',
    ]);
  });

  test('does not get messages that were handled before, if it has `once`', async () => {
    const batches: unknown[][] = [];
    const options = { batch: { size: 5 }, once: { windowMs: LONG_MS } };
    const controller = batchControllerOf('work', options, (data) => void batches.push(data));
    const record = (id: string): unknown => new RedisQueueRecordBuilder(id).id(id).build();
    await rig.serve({ controllers: [controller] });
    await fill(record('a'));
    await expectAllSettled();

    await fill(record('a'), record('b'));

    await expectAllSettled();
    expect(batches.flat()).toEqual(['a', 'b']);
  });

  test('gives no replies: a caller is told so, and other messages are not affected', async () => {
    const batches: unknown[][] = [];
    const controller = batchControllerOf(
      'work',
      { batch: { size: 5 } },
      (data) => void batches.push(data),
    );
    await rig.serve({ controllers: [controller] });

    const answer = lastValueFrom(rig.client().send('work', 'asked'));
    await fill('sent');

    await expect(answer).rejects.toMatchObject({
      status: 'error',
      message: expect.stringContaining('"work" is handled in batches'),
    });
    await eventually(() => expect(batches).toEqual([['sent']]));
    await expectAllSettled();
  });
});

describe('the messages of a batch', () => {
  const options = { batch: { size: 5 }, retry: AT_ONCE };

  test('all come again if it throws, and are dead-lettered after their last attempts', async () => {
    const seen: [unknown, number][] = [];
    const controller = batchControllerOf('work', options, (data, { items }) => {
      data.forEach((one, index) => seen.push([one, items[index]!.getAttempt()]));
      throw new RangeError('no such place');
    });
    await fill(1, 2);
    await rig.serve({ controllers: [controller] }, { retry: { attempts: 2 } });

    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(2));
    await expectAllSettled();
    expect(seen.toSorted()).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
    ]);
    for (const { dead } of await rig.queue('work').dead()) {
      expect(dead).toMatchObject({
        reason: 'handlerFailed',
        attempt: 2,
        error: { name: 'RangeError', message: 'no such place' },
      });
    }
  });

  test.each([
    ['returns', () => undefined],
    [
      'throws',
      () => {
        throw new Error('afterwards');
      },
    ],
  ])('are settled one by one if the handler says so, whether it then %s', async (_, end) => {
    const seen: [unknown, number][] = [];
    const controller = batchControllerOf('work', options, (data, { items }) => {
      data.forEach((one, index) => seen.push([one, items[index]!.getAttempt()]));
      for (const item of items) {
        if (item.getAttempt() > 1) item.done();
        else if (item.data === 'failed') item.fail(new Error('this one'));
        else if (item.data === 'later') item.retryLater(1);
        else if (item.data === 'useless') item.deadLetter('useless');
        else item.done();
      }
      end();
    });
    await fill('done', 'failed', 'later', 'useless');
    await rig.serve({ controllers: [controller] });

    await eventually(() => expect(seen).toHaveLength(6));
    await expectAllSettled();
    expect(seen.slice(0, 4).map(([one]) => one)).toEqual(['done', 'failed', 'later', 'useless']);
    expect(seen.slice(4).toSorted()).toEqual([
      ['failed', 2],
      ['later', 2],
    ]);
    expect((await rig.queue('work').dead()).map(({ dead, body }) => [body, dead.reason])).toEqual([
      ['"useless"', 'rejected'],
    ]);
  });

  test('are settled at once, before the handler ends, and only by the first call', async () => {
    const gate = new Gate();
    const controller = batchControllerOf('work', options, async (_, { items }) => {
      items[0]!.done();
      items[0]!.deadLetter('too late');
      await gate.opened;
    });
    await fill('first', 'second');
    await rig.serve({ controllers: [controller] });

    await eventually(async () => expect(await rig.queue('work').held()).toBe(1));
    gate.open();

    await expectAllSettled();
    expect(await rig.queue('work').dead()).toEqual([]);
  });

  test('all come again later, or are dead-lettered, if it throws RetryLater or DeadLetter', async () => {
    const seen: number[] = [];
    const controller = batchControllerOf('work', options, (_, { items }) => {
      seen.push(...items.map((item) => item.getAttempt()));
      if (items.some((item) => item.getAttempt() === 1)) throw new RetryLater({ delayMs: 1 });
      throw new DeadLetter('seen enough');
    });
    await fill(1, 2);
    await rig.serve({ controllers: [controller] }, { retry: { attempts: 1 } });

    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(2));
    expect(seen.toSorted()).toEqual([1, 1, 2, 2]);
    expect((await rig.queue('work').dead()).map(({ dead }) => dead.reason)).toEqual([
      'rejected',
      'rejected',
    ]);
  });

  test('fail together if it takes too long, except for those that are settled', async () => {
    const reasons: unknown[] = [];
    const timed = { batch: { size: 5 }, timeoutMs: 50, retry: { attempts: 1 } };
    const controller = batchControllerOf('work', timed, (_, context) => {
      context.items[0]!.done();
      const signal = context.getSignal();
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          resolve(undefined);
        });
      });
    });
    await fill(1, 2, 3);
    await rig.serve({ controllers: [controller] });

    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(2));
    await expectAllSettled();
    const dead = await rig.queue('work').dead();
    expect(dead.map((letter) => [letter.body, letter.dead.error.name]).toSorted()).toEqual([
      ['2', 'HandlerTimeoutError'],
      ['3', 'HandlerTimeoutError'],
    ]);
    expect(reasons).toMatchObject([{ code: 'HANDLER_TIMEOUT', timeoutMs: 50 }]);
  });
});

describe('the option batch', () => {
  test.each<[string, Record<string, unknown>, string, string]>([
    [
      'without a size',
      { batch: {} },
      'batch',
      'batch must be an object that has size, got {} (handler of "work")',
    ],
    [
      'with a size of 0',
      { batch: { size: 0 } },
      'batch.size',
      'batch.size must be a whole number of messages from 1 to 10000, got 0 (handler of "work")',
    ],
    [
      'with a negative wait',
      { batch: { size: 1, waitMs: -1 } },
      'batch.waitMs',
      'batch.waitMs must be a whole number of milliseconds ≥ 0, got -1 (handler of "work")',
    ],
    [
      'with more batches than can be held',
      { batch: { size: 10_000 }, concurrency: 11 },
      'concurrency',
      'concurrency must be a whole number of batches from 1 to 10, got 11 (handler of "work")',
    ],
  ])('is refused %s', (_, extras, option, message) => {
    const add = (): void =>
      rig.strategy().addHandler('work', () => Promise.resolve(), false, extras);

    expect(add).toThrow(InvalidOptionError);
    expect(add).toThrow(expect.objectContaining({ option, message }));
  });

  test('gives durable events in arrays, each with its own pattern', async () => {
    const batches: { data: unknown; patterns: string[] }[] = [];
    @Controller()
    class LogController {
      @EventPattern<string>('log.*', { group: 'archive', batch: { size: 10, waitMs: LONG_MS } })
      archive(@Payload() data: unknown, @Ctx() context: RedisQueueBatchContext): void {
        batches.push({ data, patterns: context.items.map((item) => item.getPattern()) });
      }
    }
    await rig.serve({ controllers: [LogController] });
    const client = rig.client();

    await lastValueFrom(client.emitMany('log.info', [1, 2, 3, 4, 5]));
    const results = await lastValueFrom(client.emitMany('log.error', [6, 7, 8, 9, 10]));

    expect(results.map(({ groups, listeners }) => [groups, listeners])).toEqual(
      Array.from({ length: 5 }, () => [1, 0]),
    );
    await eventually(() => expect(batches).toHaveLength(1));
    expect(batches[0]?.data).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(batches[0]?.patterns).toEqual([
      ...Array.from({ length: 5 }, () => 'log.info'),
      ...Array.from({ length: 5 }, () => 'log.error'),
    ]);
  });

  test('is refused for live events, which wait nowhere', async () => {
    @Controller()
    class EventController {
      @EventPattern<string>('happened', { batch: { size: 5 } })
      onHappened(): void {
        throw new Error('never called');
      }
    }
    const app = await rig.microservice({ controllers: [EventController] });

    await expect(app.listen()).rejects.toMatchObject({
      option: 'batch',
      message: expect.stringContaining('the handler of "happened" hears live events'),
    });
  });

  test('is for handlers only: a server does not know it', () => {
    const options = { batch: { size: 5 } } as RedisQueueServerOptions;

    expect(() => rig.strategy(options)).toThrow('RedisQueueServer has no option batch');
  });
});

test('does not change what the admin sees of messages', async () => {
  const gate = new Gate();
  @Controller()
  class GateController {
    @MessagePattern('work', { batch: { size: 5 } })
    handle(): Promise<void> {
      return gate.opened;
    }
  }
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  await fill(1, 2);
  await rig.serve({ controllers: [GateController] });

  await eventually(async () =>
    expect(await admin.lengths('work')).toMatchObject({ waiting: 0, processing: 2 }),
  );
  gate.open();
  await eventually(async () =>
    expect(await admin.lengths('work')).toMatchObject({ processing: 0 }),
  );
});
