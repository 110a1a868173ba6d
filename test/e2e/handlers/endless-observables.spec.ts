import { describe, expect, test } from '@jest/globals';
import { RedisQueueRecordBuilder, RequestTimeoutError } from 'nestjs-redis-queue-transport';
import type {
  RedisQueueClient,
  RedisQueueClientOptions,
  RedisQueueHandlerOptions,
} from 'nestjs-redis-queue-transport';
import {
  NEVER,
  Observable,
  Subject,
  concat,
  defer,
  firstValueFrom,
  interval,
  lastValueFrom,
  of,
} from 'rxjs';
import { finalize, take, takeUntil, toArray } from 'rxjs/operators';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from '../delivery/controller.js';
import type { Handle } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';
import { Gate } from '../../support/gate.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

test('an Observable that emits nothing and never ends is let go when its time is over', async () => {
  let subscribed = 0;
  let letGo = 0;
  const quiet = new Observable<void>(() => {
    subscribed += 1;
    return () => (letGo += 1);
  });
  const retry = { attempts: 2, delayMs: 0 };
  await rig.serve({
    controllers: [controllerOf('work', () => quiet, { options: { timeoutMs: 100, retry } })],
  });
  await lastValueFrom(rig.client().enqueue('work', 1));
  await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(1));
  await eventually(() => expect([subscribed, letGo]).toEqual([2, 2]));
});

describe('an endless stream of replies', () => {
  const leavers: readonly [string, (client: RedisQueueClient) => Promise<unknown>][] = [
    ['took the first value', (client) => firstValueFrom(client.send('ticks', 1))],
    [
      'waited as long as it wanted to',
      (client) =>
        expect(lastValueFrom(client.send('ticks', 1))).rejects.toThrow(RequestTimeoutError),
    ],
    [
      'closed its client',
      async (client) => {
        const end = new Gate();
        const heard = new Gate();
        client.send('ticks', 1).subscribe({ next: () => heard.open(), error: () => end.open() });
        await heard.opened;
        await client.close();
        await end.opened;
      },
    ],
  ];

  test.each(leavers)('ends, and frees its place, when its caller %s', async (_, leave) => {
    rig.mayRemain(/:(replies|refused)$/);
    let open = 0;
    const ticks = new Observable<number>((listener) => {
      open += 1;
      const subscription = interval(5).subscribe(listener);
      return () => {
        open -= 1;
        subscription.unsubscribe();
      };
    });
    const options = { concurrency: 1 };
    await rig.serve({ controllers: [controllerOf('ticks', () => ticks, { options })] });

    for (let n = 0; n < 3; n += 1) {
      const client = rig.client({ requestTotalTimeoutMs: 2_000 });
      await client.connect();
      await leave(client);
      await eventually(() => expect(open).toBe(0));
    }

    await eventually(async () => expect(await rig.queue('ticks').held()).toBe(0));
    const before = await replies();
    expect(before).toBeLessThan(100);
  });

  test('that is silent ends once its caller has given up, and its signal fires', async () => {
    rig.mayRemain(/:(replies|refused)$/);
    let open = 0;
    const signals: AbortSignal[] = [];
    const silent = new Observable<never>(() => {
      open += 1;
      return () => (open -= 1);
    });
    const handle: Handle = (_, context) => {
      signals.push(context.getSignal());
      return silent;
    };
    const options = { concurrency: 1 };
    await rig.serve({ controllers: [controllerOf('ticks', handle, { options })] });
    const client = rig.client({ requestTimeoutMs: 100 });
    await client.connect();

    // On a busy machine the time may be over before the handler begins. Then the test asks again.
    await eventually(async () => {
      await expect(lastValueFrom(client.send('ticks', 1))).rejects.toThrow(RequestTimeoutError);
      expect(signals).not.toEqual([]);
    });

    await eventually(() => expect(open).toBe(0));
    expect(signals[0]?.reason).toMatchObject({ code: 'CALLER_GONE' });
    await eventually(async () => expect(await rig.queue('ticks').held()).toBe(0));
  });

  test('goes on for a caller that waits for each reply longer than the request is valid', async () => {
    const stream = interval(3_000).pipe(take(1));
    await rig.serve({ controllers: [controllerOf('ticks', () => stream)] });
    const client = rig.client({ requestTimeoutMs: 20_000 });
    const record = new RedisQueueRecordBuilder(1).expiresIn(2_000).build();

    for (const _which of ['before it is connected', 'then'])
      expect(await lastValueFrom(client.send('ticks', record))).toBe(0);
  });

  test('is let go 100 times, and the server stops at once', async () => {
    rig.mayRemain(/:(replies|refused)$/);
    const controller = controllerOf('ticks', () => interval(5));
    const app = await rig.serve({ controllers: [controller] }, { concurrency: 10 });
    const client = rig.client();
    await client.connect();

    const asked = Array.from({ length: 100 }, () => firstValueFrom(client.send('ticks', 1)));
    expect(await Promise.all(asked)).toEqual(Array(100).fill(0));
    await eventually(async () => expect(await rig.queue('ticks').held()).toBe(0));

    const before = performance.now();
    await app.close();
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  test('goes on as long as its caller listens, even beyond requestTimeoutMs for each value', async () => {
    const stream = interval(150).pipe(take(20));
    await rig.serve({ controllers: [controllerOf('ticks', () => stream)] });
    const client = rig.client({ requestTimeoutMs: 2_500 });
    await client.connect();

    expect(await lastValueFrom(client.send('ticks', 1).pipe(toArray()))).toHaveLength(20);
  });
});

describe('an Observable whose teardown throws frees its place, and is logged once', () => {
  const failed =
    /^The Observable .* "work" returned failed when it was unsubscribed: of a teardown$/;
  const failing = (values: Observable<unknown>): Observable<unknown> =>
    values.pipe(
      finalize(() => {
        throw new Error('of a teardown');
      }),
    );
  const serve = (
    stream: Observable<unknown>,
    options: RedisQueueHandlerOptions,
  ): Promise<unknown> =>
    rig.serve({ controllers: [controllerOf('work', () => failing(stream), { options })] });
  /** There is one place: the next message shows that it is free. */
  const one = { concurrency: 1 };

  test('when its caller wants no more', async () => {
    rig.mayRemain(/:(replies|refused)$/);
    await serve(interval(5), one);
    const client = rig.client();

    for (const round of [1, 2]) {
      expect(await firstValueFrom(client.send('work', round))).toBe(0);
      await eventually(() => expect(rig.logs.matching('error', failed)).toHaveLength(round));
    }
    await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
  });

  test('when its caller has given up', async () => {
    rig.mayRemain(/:(replies|refused)$/);
    let begun = 0;
    const silent = defer(() => {
      begun += 1;
      return NEVER;
    });
    await serve(silent, one);
    const client = rig.client({ requestTimeoutMs: 100 });

    // On a busy machine the time may be over before the handler begins. Then the test asks again.
    await eventually(async () => {
      const asked = lastValueFrom(client.send('work', 1));
      await expect(asked).rejects.toThrow(RequestTimeoutError);
      expect(begun).toBe(1);
    });

    await eventually(() => expect(rig.logs.matching('error', failed)).toHaveLength(1));
    await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
  });

  test('when its time is over', async () => {
    await serve(NEVER, { ...one, timeoutMs: 50, retry: { attempts: 2, delayMs: 0 } });

    await rig.client().enqueue('work', 1);

    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(1));
    expect(rig.logs.matching('error', failed)).toHaveLength(2);
  });

  test('when the time of a batch is over', async () => {
    let begun = 0;
    const silent = defer(() => {
      begun += 1;
      return NEVER;
    });
    const options = { batch: { size: 2 }, timeoutMs: 50, retry: { attempts: 2, delayMs: 0 } };
    await rig.client().enqueueMany('work', [1, 2]);
    await rig.serve({ controllers: [batchControllerOf('work', options, () => failing(silent))] });

    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(2));
    expect(begun).toBeGreaterThan(1);
    await eventually(() => expect(rig.logs.matching('error', failed)).toHaveLength(begun));
  });

  test('when the server stops before a live event has been handled', async () => {
    const begun = new Gate();
    const stream = defer(() => {
      begun.open();
      return NEVER;
    });
    const controller = eventControllerOf('work', () => failing(stream));
    const app = await rig.serve({ controllers: [controller] }, { shutdownTimeoutMs: 0 });
    await rig.client().emit('work', 1);
    await begun.opened;

    await app.close();

    expect(rig.logs.matching('error', failed)).toHaveLength(1);
  });
});

describe('a RequestTimeoutError says', () => {
  test.each<[string, RedisQueueClientOptions, Observable<unknown>, RegExp]>([
    ['first', { requestTimeoutMs: 100 }, NEVER, /No reply to "ticks" within 100 ms/],
    [
      'next',
      { requestTimeoutMs: 3_000 },
      concat(of(1), NEVER),
      /No further reply to "ticks" within 3000 ms of the last one/,
    ],
    [
      'all',
      { requestTimeoutMs: 5_000, requestTotalTimeoutMs: 1_000 },
      interval(20),
      /had not ended after 1000 ms/,
    ],
  ])('that the time for the %s reply is over', async (waitedFor, options, stream, message) => {
    rig.mayRemain(/:(replies|refused)$/);
    const end = new Subject<void>();
    const answer = stream.pipe(takeUntil(end));
    await rig.serve({ controllers: [controllerOf('ticks', () => answer)] });

    const client = rig.client(options);
    await client.connect();

    const failed = lastValueFrom(client.send('ticks', 1));

    await expect(failed).rejects.toMatchObject({
      waitedFor,
      timeoutMs: options.requestTotalTimeoutMs ?? options.requestTimeoutMs,
      message: expect.stringMatching(message),
    });
    end.next();
  });
});

/** How many replies are in the lists of callers. */
async function replies(): Promise<number> {
  const lists = await rig.commands.keys('*:replies');
  const lengths = await Promise.all(lists.map((list) => rig.commands.llen(list)));
  return lengths.reduce((sum, length) => sum + length, 0);
}
