import { beforeEach, describe, expect, test } from '@jest/globals';
import { BadRequestException } from '@nestjs/common';
import { DeadLetter, RedisQueueAdmin, RetryLater } from 'nestjs-redis-queue-transport';
import type { RedisQueueServer, RedisQueueServerOptions } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from './controller.js';
import type { Handle } from './controller.js';

const rig = nestRig();

/** Like the default, but quicker. */
const SOON = { retry: { delayMs: 20, maxDelayMs: 200 } };
const AT_ONCE = { backoff: 'fixed', delayMs: 0 } as const;
const SLOWED = /^Nearly every attempt on "work" fails/;

let admin: RedisQueueAdmin;
let told: string[];

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  told = [];
});

async function serve(
  handle: Handle,
  options: RedisQueueServerOptions = {},
  controller = controllerOf('work', handle),
): Promise<RedisQueueServer> {
  const strategy = rig.strategy({ ...SOON, ...options });
  strategy.on('queueSlowed', ({ queue, error }) => told.push(`${queue} ${String(error)}`));
  strategy.on('queueRecovered', ({ queue }) => told.push(`${queue} recovered`));
  const app = await rig.microservice({ controllers: [controller] }, strategy);
  await app.listen();
  return strategy;
}

function enqueueAll(count: number): Promise<unknown> {
  const numbers = Array.from({ length: count }, (_, number) => number);
  return lastValueFrom(rig.client().enqueueMany('work', numbers));
}

async function expectEmpty(dead = 0): Promise<void> {
  await eventually(async () =>
    expect(await admin.lengths('work')).toMatchObject({
      waiting: 0,
      processing: 0,
      delayed: 0,
      dead,
    }),
  );
}

describe('while nearly every attempt of a queue fails', () => {
  test('its messages wait and use up no attempts, and afterwards all of them are handled', async () => {
    const COUNT = 3_000;
    let isAway = true;
    let attempts = 0;
    const handled = new Set<unknown>();
    await enqueueAll(COUNT);
    const server = await serve((data) => {
      attempts += 1;
      if (isAway) throw new Error('the database is away');
      handled.add(data);
    });

    await eventually(() => expect(told).toEqual(['work Error: the database is away']));
    const { status, slowedQueues } = server.health();
    expect({ status, slowedQueues }).toEqual({
      status: 'up',
      slowedQueues: [
        {
          queue: 'work',
          sinceMs: expect.any(Number) as unknown as number,
          lastError: 'the database is away',
        },
      ],
    });
    // Some probes later, they still wait.
    const before = attempts;
    await eventually(() => expect(attempts).toBeGreaterThanOrEqual(before + 6));
    // What is put back between the reads of the lengths is in none of them.
    await eventually(async () => {
      const { waiting, delayed, processing } = await admin.lengths('work');
      expect(waiting + delayed + processing).toBe(COUNT);
    });
    expect(attempts).toBeLessThan(300);

    isAway = false;

    await eventually(() => expect(handled.size).toBe(COUNT));
    await expectEmpty();
    expect(told).toEqual(['work Error: the database is away', 'work recovered']);
    expect(server.health()).not.toHaveProperty('slowedQueues');
    expect(rig.logs.matching('error', SLOWED)).toHaveLength(1);
    expect(rig.logs.matching('log', /^Attempts on "work" succeed again, after \d+ s/)).toHaveLength(
      1,
    );
    expect(rig.logs.lines.length).toBeLessThan(1_000);
  });

  test.each([1, 10])('this is noticed with %d at once, too', async (concurrency) => {
    let isAway = true;
    let handled = 0;
    await enqueueAll(200);
    await serve(
      () => {
        if (isAway) throw new Error('away');
        handled += 1;
      },
      // A failed message must not come back before others have failed, and an attempt may take long on a busy machine.
      { concurrency, retry: { delayMs: 2_000, maxDelayMs: 2_000 } },
    );

    await eventually(() => expect(told).toHaveLength(1));
    isAway = false;

    await eventually(() => expect(handled).toBe(200));
    expect(told).toEqual(['work Error: away', 'work recovered']);
  });

  test('a server stops at once', async () => {
    await enqueueAll(200);
    const server = await serve(() => Promise.reject(new Error('away')));
    await eventually(() => expect(told).toHaveLength(1));

    await server.close();

    expect(told).toHaveLength(1);
    await eventually(async () => {
      const { waiting, delayed, processing } = await admin.lengths('work');
      expect([waiting + delayed, processing]).toEqual([200, 0]);
    });
  });

  test('messages with a single attempt are not used up', async () => {
    let isAway = true;
    const handled = new Set<unknown>();
    await enqueueAll(2_000);
    await serve(
      (data) => {
        if (isAway) throw new Error('away');
        handled.add(data);
      },
      { retry: { attempts: 1 } },
    );

    await eventually(() => expect(told).toEqual(['work Error: away']));
    isAway = false;
    await eventually(() => expect(told).toHaveLength(2));
    await eventually(async () => expect((await admin.lengths('work')).waiting).toBe(0));

    const { dead } = await admin.lengths('work');
    expect(dead).toBeLessThan(300);
    await eventually(() => expect(handled.size).toBe(2_000 - dead));
  });

  test('batches are slowed down too, and each failing batch counts once', async () => {
    let isAway = true;
    let batches = 0;
    const handled = new Set<unknown>();
    const controller = batchControllerOf('work', { batch: { size: 10 }, ...SOON }, (data) => {
      batches += 1;
      if (isAway) throw new Error('away');
      for (const one of data) handled.add(one);
    });
    await enqueueAll(1_000);
    await serve(() => undefined, {}, controller);

    await eventually(() => expect(told).toHaveLength(1));
    expect(batches).toBeGreaterThanOrEqual(20);
    isAway = false;

    await eventually(() => expect(handled.size).toBe(1_000));
  });
});

describe('a queue is not slowed down', () => {
  test('by a few bad messages among good ones', async () => {
    let handled = 0;
    await enqueueAll(600);
    await serve(
      (data) => {
        if (Number(data) % 40 === 0) throw new Error('bad');
        handled += 1;
      },
      { retry: { ...AT_ONCE, attempts: 10 } },
    );

    await expectEmpty(15);
    expect(handled).toBe(585);
    expect(told).toEqual([]);
  });

  test('by messages that always fail and come again ahead of all others, no matter how many there are', async () => {
    const bad = (data: unknown): boolean => Number(data) % 10 === 0;
    const failures = new Map<unknown, number>();
    const handled: unknown[] = [];
    await enqueueAll(600);
    await serve(
      (data) => {
        if (!bad(data)) return void handled.push(data);
        failures.set(data, (failures.get(data) ?? 0) + 1);
        throw new Error('bad');
      },
      { retry: { attempts: 1_000, delayMs: 100, maxDelayMs: 200 } },
    );
    await eventually(() => {
      expect(handled).toHaveLength(540);
      expect(failures.size).toBe(60);
      expect(Math.min(...failures.values())).toBeGreaterThan(3);
    });

    await lastValueFrom(rig.client().enqueueMany('work', Array(500).fill(1)));

    await eventually(() => expect(handled).toHaveLength(540 + 500));
    expect(told).toEqual([]);
  });

  test('by one message that fails again and again, one at a time', async () => {
    await enqueueAll(1);
    await serve(() => Promise.reject(new Error('bad')), {
      concurrency: 1,
      retry: { ...AT_ONCE, attempts: 100 },
    });

    await expectEmpty(1);
    expect(told).toEqual([]);
  });

  test.each<[string, () => Error, number]>([
    ['asks to be dead-lettered', () => new DeadLetter('no'), 100],
    ['is not worth another attempt', () => new BadRequestException('no'), 100],
  ])('by messages each of which %s', async (_, error, dead) => {
    await enqueueAll(100);
    await serve(() => Promise.reject(error()), { retry: { attempts: 1 } });

    await expectEmpty(dead);
    expect(told).toEqual([]);
  });

  test('by messages that ask to come again later', async () => {
    await enqueueAll(100);
    await serve((_, context) => {
      if (context.getAttempt() < 3) throw new RetryLater({ delayMs: 0 });
    });

    await expectEmpty();
    expect(told).toEqual([]);
  });

  test('by requests whose callers get the error', async () => {
    await serve(() => Promise.reject(new Error('no')));
    const client = rig.client();

    const answers = Array.from({ length: 100 }, () => lastValueFrom(client.send('work', {})));

    const settled = await Promise.allSettled(answers);
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(100);
    expect(told).toEqual([]);
  });
});
