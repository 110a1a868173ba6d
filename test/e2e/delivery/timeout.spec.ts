import { beforeEach, describe, expect, test } from '@jest/globals';
import { RpcException } from '@nestjs/microservices';
import {
  DeadLetter,
  HandlerTimeoutError,
  RedisQueueAdmin,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueContext } from 'nestjs-redis-queue-transport';
import { NEVER, lastValueFrom } from 'rxjs';
import { toArray } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from './controller.js';
import { Stopwatch } from '../../support/stopwatch.js';

const rig = nestRig();

const AT_ONCE = { backoff: 'fixed', delayMs: 0 } as const;

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

async function expectAtRest(expected: { dead: number }): Promise<void> {
  await eventually(async () => {
    const { waiting, processing, delayed, dead } = await admin.lengths('work');
    expect({ waiting, processing, delayed, dead }).toEqual({
      waiting: 0,
      processing: 0,
      delayed: 0,
      ...expected,
    });
  });
}

describe('a handler that does not end within its timeoutMs', () => {
  test.each([
    ['a promise that stays open', () => new Promise(() => undefined)],
    ['an Observable that stays open', () => NEVER],
  ])('(%s) has its signal fired, and the attempt counts as failed', async (_, result) => {
    const contexts: RedisQueueContext[] = [];
    const controller = controllerOf('work', (_data, context) => {
      contexts.push(context);
      return result();
    });
    const retry = { ...AT_ONCE, attempts: 2 };
    await rig.serve({ controllers: [controller] }, { retry, timeoutMs: 50 });

    const { id } = await lastValueFrom(rig.client().enqueue('work', {}));

    await expectAtRest({ dead: 1 });
    const { letters } = await admin.deadLetters('work');
    expect(letters[0]).toMatchObject({ id, attempt: 2, reason: 'handlerFailed' });
    expect(letters[0]!.error.name).toBe('HandlerTimeoutError');
    expect(letters[0]!.error.message).toMatch(/"work" did not end within its timeoutMs of 50 ms/);
    expect(contexts.map((context) => context.getAttempt())).toEqual([1, 2]);
    for (const context of contexts) {
      const { aborted } = context.getSignal();
      const reason: unknown = context.getSignal().reason;
      expect(aborted).toBe(true);
      expect(reason).toBeInstanceOf(HandlerTimeoutError);
      expect(reason).toMatchObject({ code: 'HANDLER_TIMEOUT', pattern: 'work', timeoutMs: 50 });
    }
  });

  test('hears of it at once through a listener on its signal', async () => {
    const heard = new Gate<unknown>();
    const controller = controllerOf('work', (_, context) => {
      const signal = context.getSignal();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          heard.open(signal.reason);
          reject(signal.reason as Error);
        });
      });
    });
    await rig.serve({ controllers: [controller] }, { retry: { attempts: 1 }, timeoutMs: 50 });

    await lastValueFrom(rig.client().enqueue('work', {}));

    expect(await heard.opened).toBeInstanceOf(HandlerTimeoutError);
    await expectAtRest({ dead: 1 });
  });

  test('frees its place, even while it still runs', async () => {
    const handled: unknown[] = [];
    const gate = new Gate();
    const controller = controllerOf('work', async (data) => {
      if (data === 'slow') await gate.opened;
      handled.push(data);
    });
    const options = { retry: { attempts: 1 }, timeoutMs: 50, concurrency: 1 };
    await rig.serve({ controllers: [controller] }, options);
    const client = rig.client();

    await lastValueFrom(client.enqueue('work', 'slow'));
    await lastValueFrom(client.enqueue('work', 'fast'));

    await eventually(() => expect(handled).toEqual(['fast']));
    await expectAtRest({ dead: 1 });
    gate.open();
    await eventually(() => expect(handled).toEqual(['fast', 'slow']));
  });

  test('has its late result ignored, whatever it is', async () => {
    const late: Readonly<Record<string, () => unknown>> = {
      value: () => 'late',
      error: () => Promise.reject(new Error('late')),
      retryLater: () => Promise.reject(new RetryLater({ delayMs: 0 })),
      deadLetter: () => Promise.reject(new DeadLetter('late')),
    };
    const kinds = Object.keys(late);
    const firstAttempts = new Gate();
    const secondAttempts = new Gate();
    const ended: string[] = [];
    const controller = controllerOf('work', async (kind, context) => {
      const isFirst = context.getAttempt() === 1;
      await (isFirst ? firstAttempts : secondAttempts).opened;
      ended.push(`${String(kind)} ${context.getAttempt()}`);
      return isFirst ? late[String(kind)]?.() : undefined;
    });
    // The second attempts must still be running when the first ones have ended: they have this much time.
    await rig.serve({ controllers: [controller] }, { retry: AT_ONCE, timeoutMs: 1_000 });
    const client = rig.client();
    for (const kind of kinds) await lastValueFrom(client.enqueue('work', kind));
    await eventually(() => {
      expect(rig.logs.matching('warn', /^Attempt 1 of message/)).toHaveLength(4);
    });

    firstAttempts.open();
    await eventually(() => expect(ended).toHaveLength(4));

    // Neither settled nor given back by the first ones: the second attempts still run, and decide.
    const { processing, waiting, delayed, dead } = await admin.lengths('work');
    expect({ processing, waiting, delayed, dead }).toEqual({
      processing: 4,
      waiting: 0,
      delayed: 0,
      dead: 0,
    });
    secondAttempts.open();
    const second = kinds.map((kind) => `${kind} 2`).sort();
    await eventually(() => expect(ended.slice(4).sort()).toEqual(second));
    await expectAtRest({ dead: 0 });
  });
});

describe('a request whose handler does not end within its timeoutMs', () => {
  test('gets the error as its answer at once, and is not retried', async () => {
    const gate = new Gate();
    const attempts: number[] = [];
    const contexts: RedisQueueContext[] = [];
    const controller = controllerOf('work', async (data, context) => {
      attempts.push(context.getAttempt());
      contexts.push(context);
      if (data === 'slow') await gate.opened;
      return data;
    });
    const options = { retry: AT_ONCE, timeoutMs: 50, concurrency: 1 };
    await rig.serve({ controllers: [controller] }, options);
    const client = rig.client();
    const watch = Stopwatch.start();

    const answer = lastValueFrom(client.send('work', 'slow').pipe(toArray()));
    await expect(answer).rejects.toMatchObject({
      status: 'error',
      message: expect.stringMatching(/did not end within its timeoutMs of 50 ms/) as unknown,
    });

    // Well before the 10 s after which the client itself gives up.
    watch.expectAtMost(5_000);
    await expectAtRest({ dead: 0 });
    gate.open();
    // The late value of the first one reaches nobody.
    const next = client.send('work', 'fast').pipe(toArray());
    expect(await lastValueFrom(next)).toEqual(['fast']);
    expect(attempts).toEqual([1, 1]);
    expect(contexts[0]!.getSignal().reason).toBeInstanceOf(HandlerTimeoutError);
    rig.mayRemain(/:replies$/);
  });
});

describe('timeoutMs', () => {
  test('of a handler takes precedence over that of its server', async () => {
    const gate = new Gate();
    const slow = controllerOf('slow', () => gate.opened, { options: { timeoutMs: 60_000 } });
    const fast = controllerOf('fast', () => gate.opened);
    await rig.serve(
      { controllers: [slow, fast] },
      { timeoutMs: 50, retry: { attempts: 1 }, concurrency: 1 },
    );
    const client = rig.client();

    await lastValueFrom(client.enqueue('slow', {}));
    await lastValueFrom(client.enqueue('fast', {}));

    await eventually(async () => expect(await rig.queue('fast').dead()).toHaveLength(1));
    expect(await rig.queue('slow').held()).toBe(1);
    gate.open();
    await eventually(async () => expect(await rig.queue('slow').held()).toBe(0));
    expect(await rig.queue('slow').dead()).toEqual([]);
  });

  test('does not affect a handler that ends in time, whether it succeeds or fails', async () => {
    const contexts: RedisQueueContext[] = [];
    const controller = controllerOf('work', (data, context) => {
      contexts.push(context);
      context.getSignal();
      if (data === 'bad') throw new RpcException('bad');
      return data;
    });
    await rig.serve({ controllers: [controller] }, { timeoutMs: 20 });
    const client = rig.client();

    expect(await lastValueFrom(client.send('work', 'good'))).toBe('good');
    await expect(lastValueFrom(client.send('work', 'bad'))).rejects.toMatchObject({
      message: 'bad',
    });
    // Longer than the time limit of the others: this handler times out later than both.
    await eventually(() => {
      const sinceMs = Date.now() - contexts[1]!.getSentAt()!.getTime();
      expect(sinceMs).toBeGreaterThan(60);
    });
    expect(contexts.map((context) => context.getSignal().aborted)).toEqual([false, false]);
  });
});
