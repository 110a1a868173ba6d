import { beforeEach, describe, expect, test } from '@jest/globals';
import { InvalidOptionError, SlowDown } from 'nestjs-redis-queue-transport';
import type { RedisQueueHandlerOptions } from 'nestjs-redis-queue-transport';
import { setTimeout } from 'node:timers/promises';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from './controller.js';
import type { Handle } from './controller.js';

const rig = nestRig();

/** News that the queue was slowed down are on their way for less than this, on a busy machine too. */
const NEWS_MS = 100;

let started: { readonly data: unknown; readonly attempt: number; readonly atMs: number }[];

beforeEach(() => {
  started = [];
});

async function serve(handle: Handle, options: RedisQueueHandlerOptions = {}): Promise<void> {
  const noted: Handle = (data, context) => {
    started.push({ data, attempt: context.getAttempt(), atMs: performance.now() });
    return handle(data, context);
  };
  const controller = controllerOf('work', noted, { options });
  const app = await rig.microservice({ controllers: [controller] });
  await app.listen();
}

function enqueueAll(count: number): Promise<unknown> {
  const numbers = Array.from({ length: count }, (_, number) => number);
  return lastValueFrom(rig.client().enqueueMany('work', numbers));
}

/** The first handler asks for the pause; afterwards everything is handled. */
function slowsOnce(ms: number): Handle {
  let hasAsked = false;
  return () => {
    if (hasAsked) return;
    hasAsked = true;
    throw new SlowDown({ ms });
  };
}

describe('a handler that throws SlowDown', () => {
  test.each<[string, RedisQueueHandlerOptions]>([
    ['', { concurrency: 1, retry: { attempts: 1 } }],
    [
      ' and a limit',
      { concurrency: 1, retry: { attempts: 1 }, limit: { running: 5, rate: 1_000 } },
    ],
  ])(
    'stops its queue in all processes%s, and its message comes first then, with no attempt used up',
    async (_, options) => {
      const handle = slowsOnce(400);
      await serve(handle, options);
      await serve(handle, options);
      await enqueueAll(1);
      await eventually(() => expect(started).toHaveLength(1));
      const askedAt = started[0]!.atMs;
      await enqueueAll(20);
      await eventually(() => expect(started.length).toBeGreaterThan(15));
      await eventually(() => expect(started).toHaveLength(22));

      const meanwhile = started.filter(
        ({ atMs }) => atMs > askedAt + NEWS_MS && atMs < askedAt + 395,
      );
      expect(meanwhile).toEqual([]);
      // Two processes take one each.
      const first = started.filter(({ atMs }) => atMs >= askedAt + 395).slice(0, 2);
      expect(first.map(({ attempt }) => attempt)).toContain(2);
    },
  );

  test.each([
    ['at once', 0],
    ['after a while', 20],
  ])('%s lets messages that are ready in its process go back', async (_, afterMs) => {
    const handle = slowsOnce(400);
    const later: Handle = async (data, context) => {
      if (afterMs > 0) await setTimeout(afterMs);
      return handle(data, context);
    };
    await serve(later, { concurrency: 1, prefetch: 10 });
    await enqueueAll(10);
    await eventually(() => expect(started).toHaveLength(11));
    const [asked, next] = started;
    expect(next!.atMs - asked!.atMs).toBeGreaterThan(395);
    expect(started.slice(1).map(({ data }) => data)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('lets the caller of a request wait', async () => {
    await serve(slowsOnce(50));
    expect(await lastValueFrom(rig.client().send('work', 1), { defaultValue: 'done' })).toBe(
      'done',
    );
    expect(started).toHaveLength(2);
  });

  test('may be one of batches', async () => {
    let calls = 0;
    const options = { batch: { size: 3, waitMs: 50 } };
    const controller = batchControllerOf('work', options, () => {
      calls += 1;
      if (calls === 1) throw new SlowDown({ ms: 100 });
    });
    const app = await rig.microservice({ controllers: [controller] });
    await app.listen();
    await enqueueAll(3);
    await eventually(() => expect(calls).toBeGreaterThan(1));
  });

  test('of a key stops that key alone, in all processes', async () => {
    let hasAsked = false;
    const handle: Handle = (data) => {
      if (hasAsked || data !== 'a1') return;
      hasAsked = true;
      throw new SlowDown({ ms: 400, of: 'key' });
    };
    const options = { concurrency: 1, perKey: { running: 3 }, retry: { attempts: 1 } };
    await serve(handle, options);
    await serve(handle, options);
    const client = rig.client();
    await lastValueFrom(client.enqueue('work', 'a1', { key: 'a' }));
    await eventually(() => expect(started).toHaveLength(1));
    const delayed = `${rig.prefix}:{work}:delayed`;
    await eventually(async () => expect(await rig.commands.zcard(delayed)).toBe(1));
    for (const data of ['a2', 'b1', 'a3', 'b2'])
      await lastValueFrom(client.enqueue('work', data, { key: data.slice(0, 1) }));
    await eventually(() => expect(started).toHaveLength(6));
    const passed = started.slice(1, 3).map(({ data }) => data);
    expect(passed.toSorted()).toEqual(['b1', 'b2']);
    const again = started.find(({ data, attempt }) => data === 'a1' && attempt === 2);
    expect(again!.atMs - started[0]!.atMs).toBeGreaterThan(395);
    const others = started.filter(({ data }) => data === 'a2' || data === 'a3');
    for (const { atMs } of others) expect(atMs - started[0]!.atMs).toBeGreaterThan(395);
  });

  test('of a key lets a message without one wait alone', async () => {
    const handle: Handle = (data, context) => {
      if (data === 0 && context.getAttempt() === 1) throw new SlowDown({ ms: 300, of: 'key' });
    };
    await serve(handle, { concurrency: 1, retry: { attempts: 1 } });
    await enqueueAll(3);
    await eventually(() => expect(started).toHaveLength(4));
    expect(started.map(({ data }) => data)).toEqual([0, 1, 2, 0]);
  });

  test('refuses what is neither a queue nor a key', () => {
    const options = { ms: 5, of: 'everything' as 'key' };
    expect(() => new SlowDown(options)).toThrow(InvalidOptionError);
  });

  test.each([0, -1, 1.5, NaN, '5' as unknown as number])('refuses %p as a time', (ms) => {
    expect(() => new SlowDown({ ms })).toThrow(InvalidOptionError);
    // As plain JavaScript may call it.
    expect(() => Reflect.construct(SlowDown, []) as unknown).toThrow(InvalidOptionError);
  });
});
