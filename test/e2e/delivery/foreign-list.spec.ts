import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { RedisQueueRecordBuilder, RedisQueueServer } from 'nestjs-redis-queue-transport';
import type {
  RedisQueueHandlerOptions,
  RedisQueueServerOptions,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { brief } from '../../support/brief.js';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { NestProgram } from '../../support/nest-program.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';
import type { Match } from '../../support/proxy.js';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from './controller.js';
import type { Handle } from './controller.js';

const rig = nestRig();

jest.setTimeout(60_000);

const AT_ONCE = { backoff: 'fixed', delayMs: 0 } as const;

let list: string;

beforeEach(() => {
  list = `${rig.prefix}:their list {of orders}`.replace(':', '-');
});

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

async function serve(
  handle: Handle,
  options: RedisQueueHandlerOptions = {},
  server: RedisQueueServerOptions = {},
): Promise<Awaited<ReturnType<typeof rig.serve>>> {
  const controller = controllerOf('work', handle, {
    options: { feedFrom: { list: list }, ...options },
  });
  return rig.serve({ controllers: [controller] }, server);
}

async function expectNothingLeft(): Promise<void> {
  await eventually(async () => {
    expect(await rig.commands.exists(list)).toBe(0);
    expect(await rig.commands.exists(`${rig.prefix}:{work}:fed`)).toBe(0);
    expect(await rig.queue('work').waiting()).toEqual([]);
    expect(await rig.queue('work').held()).toBe(0);
  });
}

const isFeed = (connection: string): boolean => connection.startsWith('rq-feed-');
const isFeedWait: Match = ([name], connection) => name === 'blmove' && isFeed(connection);

describe('a handler of a list that others fill', () => {
  test('gets what they push, in the order in which they push it', async () => {
    const seen: unknown[] = [];
    await rig.commands.lpush(list, '{"n":1}', '{"n":2}');

    await serve((data) => void seen.push(data), { concurrency: 1 });
    await eventually(() => expect(seen).toHaveLength(2));
    await rig.commands.lpush(list, '{"n":3}');
    await eventually(() => expect(seen).toHaveLength(3));
    await rig.commands.lpush(list, '{"n":4}', '{"n":5}');

    await eventually(() => expect(seen).toEqual([1, 2, 3, 4, 5].map((n) => ({ n }))));
    await expectNothingLeft();
  });

  test('takes from the other end if they push there', async () => {
    const seen: unknown[] = [];
    await rig.commands.rpush(list, '1', '2');

    await serve((data) => void seen.push(data), {
      concurrency: 1,
      feedFrom: { list: list, take: 'left' },
    });
    await eventually(() => expect(seen).toEqual([1, 2]));
    await rig.commands.rpush(list, '3', '4');

    await eventually(() => expect(seen).toEqual([1, 2, 3, 4]));
  });

  test('moves thousands of elements in few round trips, and in order', async () => {
    const seen: unknown[] = [];
    await rig.commands.lpush(list, ...numbers(5_000));

    await serve((data) => void seen.push(data), { concurrency: 1, prefetch: 500 });

    await eventually(() => expect(brief(seen)).toEqual(brief(numbers(5_000))), 30_000);
    const stats = await rig.commands.info('commandstats');
    const calls = Number(/^cmdstat_blmove:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
    expect(calls).toBeLessThan(500);
    await expectNothingLeft();
  });

  test('gets text if an element is not JSON, even when it comes again, but no bytes that are not text', async () => {
    const seen: [unknown, number][] = [];
    await rig.commands.lpush(list, 'Good morning', '12', Buffer.from([0xc3, 0x28]));

    await serve(
      (data, context) => {
        seen.push([data, context.getAttempt()]);
        if (context.getAttempt() === 1) throw new Error('not yet');
      },
      { retry: AT_ONCE },
    );

    await eventually(() => expect(seen).toHaveLength(4));
    expect(seen.toSorted()).toEqual(
      [
        ['Good morning', 1],
        ['Good morning', 2],
        [12, 1],
        [12, 2],
      ].toSorted(),
    );
    await expectNothingLeft();
    expect((await rig.queue('work').dead()).map(({ dead }) => dead.reason)).toEqual([
      'undecodable',
    ]);
  });

  test('still gets what clients enqueue', async () => {
    const seen: unknown[] = [];
    await serve((data) => void seen.push(data));

    await lastValueFrom(rig.client().enqueue('work', { from: 'a client' }));

    await eventually(() => expect(seen).toEqual([{ from: 'a client' }]));
  });

  test('can have elements in batches', async () => {
    const batches: unknown[][] = [];
    await rig.commands.lpush(list, 'a', 'b', 'c');
    const options = { feedFrom: { list: list }, batch: { size: 2, waitMs: 50 } };

    await rig.serve({
      controllers: [batchControllerOf('work', options, (data) => void batches.push(data))],
    });

    await eventually(() => expect(batches.flat()).toEqual(['a', 'b', 'c']));
    await expectNothingLeft();
  });

  test('shares the list with its replicas, and each element goes to one of them', async () => {
    const seen: unknown[] = [];
    for (const replica of [1, 2]) await serve((data) => void seen.push(data, replica));

    for (const number of numbers(200)) await rig.commands.lpush(list, number);

    await eventually(() => expect(seen).toHaveLength(400));
    const once = seen.filter((_, index) => index % 2 === 0);
    expect(once.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(200));
    await expectNothingLeft();
  });

  test('leaves the list alone once its server has stopped', async () => {
    const app = await serve(() => undefined);
    await app.close();

    await rig.commands.lpush(list, 'later');

    expect(await rig.connections()).toEqual([]);
    expect(await rig.commands.lrange(list, 0, -1)).toEqual(['later']);
    expect(await rig.queue('work').waiting()).toEqual([]);
    await rig.commands.del(list);
  });

  test('leaves the list alone once its server drains', async () => {
    const gate = new Gate();
    const begun = new Gate();
    const server = rig.strategy();
    const controller = controllerOf(
      'work',
      () => {
        begun.open();
        return gate.opened;
      },
      { options: { feedFrom: { list: list } } },
    );
    const app = await rig.microservice({ controllers: [controller] }, server);
    await app.listen();
    await rig.commands.lpush(list, 'running');
    await begun.opened;

    server.drain();
    await eventually(async () => expect((await rig.connections()).some(isFeed)).toBe(false));
    await rig.commands.lpush(list, 'later');
    gate.open();
    await app.close();

    expect(await rig.commands.lrange(list, 0, -1)).toEqual(['later']);
    await rig.commands.del(list);
  });
});

describe('an element that looks like a message of this library', () => {
  /** What other programs may push, with the data that the handler gets: everything unchanged. */
  const FORGED: [string, string][] = [
    ['a pattern', '{"rq":1,"id":"x","pattern":"admin.delete"}\n{"a":1}'],
    ['a count of crashes', '{"rq":1,"crashes":2,"attempt":9,"id":"x"}\n{"a":1}'],
    ['the name of a parked body', '{"rq":1,"parked":"secret","id":"x"}\nbody'],
    ['an expiry in the past', '{"rq":1,"id":"x","expiresAt":1}\n{}'],
    ['a codec', '{"rq":1,"id":"x","codec":"raw"}\nbytes'],
    ['a reply list', '{"rq":1,"id":"x","replyTo":"t:{reply:x}:replies","re":1}\n{}'],
    ['a dead letter', '{"rq":1,"dead":{"whole":true}}\n{}'],
    ['half a header', '{"rq":1,"id":\n{}'],
    ['a later version', '{"rq":2}\n{}'],
  ];

  test.each(FORGED)('is data, no matter what it says: %s', async (_, element) => {
    const seen: [unknown, string, number, unknown][] = [];
    await rig.commands.hset(`${rig.prefix}:{work}:parked`, 'secret', '"not for strangers"');
    await rig.commands.lpush(list, element);
    await serve(
      (data, context) => {
        seen.push([data, context.getPattern(), context.getAttempt(), context.getHeaders()]);
        if (context.getAttempt() === 1) throw new Error('not yet');
      },
      { retry: AT_ONCE },
    );
    await rig.commands.lpush(list, element);

    const both = [1, 1, 2, 2].map((attempt) => [element, 'work', attempt, {}]);
    await eventually(() => expect(seen.toSorted(([, , a], [, , b]) => a - b)).toEqual(both));
    await expectNothingLeft();
    expect(await rig.commands.hgetall(`${rig.prefix}:{work}:parked`)).toEqual({
      secret: '"not for strangers"',
    });
    await rig.commands.del(`${rig.prefix}:{work}:parked`);
    expect(await rig.commands.keys('*replies')).toEqual([]);
  });

  test('has an id of its own, so a forged one does not keep another message from being handled once', async () => {
    const ids: (string | undefined)[] = [];
    await serve((_data, context) => void ids.push(context.getMessageId()), {
      once: { windowMs: 60_000 },
    });
    const forged = '{"rq":1,"id":"order-1"}\n{}';
    await rig.commands.lpush(list, forged, forged);
    await eventually(() => expect(ids).toHaveLength(2));

    const record = new RedisQueueRecordBuilder({}).id('order-1').build();
    await lastValueFrom(rig.client().enqueue('work', record));

    await eventually(() => expect(ids).toHaveLength(3));
    expect(ids[2]).toBe('order-1');
    expect(new Set(ids).size).toBe(3);
  });
});

test('an element that a feeder moved before it died is handled by the next one, or by a replica', async () => {
  const seen: unknown[] = [];
  const fed = `${rig.prefix}:{work}:fed`;
  await rig.commands.rpush(fed, 'left behind', '{"rq":1,"pattern":"x"}\n1');
  await serve((data) => void seen.push(data));
  await eventually(() => expect(seen).toEqual(['left behind', '{"rq":1,"pattern":"x"}\n1']));

  await rig.commands.rpush(fed, 'by another');

  await eventually(() => expect(seen).toHaveLength(3), 15_000);
  await expectNothingLeft();
});

test('elements of many sizes come in order, and no call moves too many bytes at once', async () => {
  const seen: number[] = [];
  const sizes = [1, 3_000_000, 70_000, 1_100_000, 2, 5_000_000, 900_000, 900_000, 900_000, 3];
  for (const size of sizes) await rig.commands.lpush(list, 'x'.repeat(size));
  // A forged header in front must not let a large element pass for a message.
  await rig.commands.lpush(list, `{"rq":1,"pattern":"x"}\n${'x'.repeat(2_000_000)}`);
  await rig.commands.call('CONFIG', 'RESETSTAT');

  await serve((data) => void seen.push(String(data).length), { concurrency: 1 });

  await eventually(() => expect(seen).toEqual([...sizes, 2_000_023]), 20_000);
  const stats = await rig.commands.info('commandstats');
  expect(Number(/^cmdstat_rpush:calls=(\d+)/m.exec(stats)?.[1] ?? 0)).toBeLessThanOrEqual(11);
  await expectNothingLeft();
});

describe('a key that is not a list', () => {
  test('is refused at the start, and the error names the key', async () => {
    await rig.commands.set(list, 'text');
    const controller = controllerOf('work', () => undefined, {
      options: { feedFrom: { list: list } },
    });
    const app = await rig.microservice({ controllers: [controller] });

    await expect(app.listen()).rejects.toMatchObject({
      code: 'REDIS_REFUSED',
      reply: 'WRONGTYPE',
      message: expect.stringMatching(
        new RegExp(
          `^Cannot take messages from the list "${list}".*choose another prefix, pattern or list\\.`,
        ),
      ),
    });
    await rig.commands.del(list);
  });

  test('is logged when it becomes one later, and read again once it is a list', async () => {
    const seen: unknown[] = [];
    await serve((data) => void seen.push(data));
    await rig.commands.lpush(list, 'first');
    await eventually(() => expect(seen).toEqual(['first']));

    await rig.commands.set(list, 'text');
    await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(() =>
      expect(rig.logs.matching('error', /Cannot take messages from the list/)).not.toEqual([]),
    );
    await rig.commands.del(list);
    await rig.commands.lpush(list, 'second');

    await eventually(() => expect(seen).toEqual(['first', 'second']));
  });
});

describe('a feeder whose connection breaks', () => {
  async function serveThrough(): Promise<{ proxy: Proxy; seen: unknown[] }> {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const seen: unknown[] = [];
    await serve((data) => void seen.push(data), {}, { connection: proxy.url });
    return { proxy, seen };
  }

  test('loses and doubles nothing if the answer of its wait is lost', async () => {
    const { proxy, seen } = await serveThrough();
    await rig.commands.lpush(list, 0);
    await eventually(() => expect(seen).toHaveLength(1));
    // The wait that is under way returns first.
    const dropped = proxy.dropReply(isFeedWait);
    await rig.commands.lpush(list, 1);
    await eventually(() => expect(seen).toHaveLength(2));
    await rig.commands.lpush(list, 2);
    await dropped.happened;

    await rig.commands.lpush(list, ...numbers(10).slice(3));

    await eventually(() => expect(seen.toSorted()).toEqual(numbers(10)));
    await expectNothingLeft();
  });

  test('goes on when it is cut again and again in the middle of a stream of elements', async () => {
    const { proxy, seen } = await serveThrough();

    for (const number of numbers(300)) {
      await rig.commands.lpush(list, number);
      if (number % 60 === 30) proxy.cut(isFeed);
    }

    await eventually(
      () => expect(seen.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(300)),
      20_000,
    );
    await expectNothingLeft();
  });

  test('notices a half-open connection, and goes on with another', async () => {
    const { proxy, seen } = await serveThrough();
    await eventually(() => expect(proxy.connections.filter(isFeed)).toHaveLength(1));
    expect(proxy.goSilent(isFeed)).toBe(1);

    // What the silent wait has moved is already in the queue. What comes after it needs the new connection.
    await rig.commands.lpush(list, 1);
    await eventually(() => expect(seen).toEqual([1]), 20_000);
    await rig.commands.lpush(list, 2);

    await eventually(() => expect(seen).toEqual([1, 2]), 20_000);
    await expectNothingLeft();
  });
});

test('a process that dies while it feeds loses nothing', async () => {
  const environment = { LIST: list, REDIS_URL: rig.redis.url, PREFIX: rig.prefix };
  const start = (): NestProgram => rig.closeLater(new NestProgram('list-service', environment));
  const programs: NestProgram[] = [];
  const total = 6_000;
  // Enough for several moves: each victim dies somewhere in the middle of them.
  const fill = rig.commands.lpush(list, ...numbers(total).map((number) => `m${number}`));
  for (let round = 0; round < 3; round += 1) {
    const victim = start();
    programs.push(victim);
    await eventually(async () => {
      const moved = (await rig.commands.llen(list)) < total - round * 1_500;
      expect(moved || victim.printed.length > 50).toBe(true);
    }, 20_000);
    victim.signal('SIGKILL');
    await victim.ended;
  }
  await fill;
  const last = start();
  programs.push(last);

  await eventually(async () => {
    expect(await rig.commands.exists(list)).toBe(0);
    expect(await rig.queue('work').waiting()).toEqual([]);
    expect(await rig.queue('work').suspects()).toEqual([]);
    expect(await rig.queue('work').held()).toBe(0);
  }, 40_000);
  last.signal('SIGTERM');
  await last.ended;

  const ended = programs.flatMap(({ printed }) =>
    printed.filter((text) => text.startsWith('end ')),
  );
  expect(new Set(ended).size).toBe(total);
  // Only what was running when a process died may have been printed by another process too.
  expect(ended.length - total).toBeLessThanOrEqual(3 * 100);
  expect(await rig.queue('work').dead()).toEqual([]);
});

describe('the option queue', () => {
  const add =
    (extras: Record<string, unknown>, server = rig.strategy(), pattern = 'work', isEvent = false) =>
    (): void =>
      server.addHandler(pattern, () => Promise.resolve(), isEvent, extras);

  test.each<[string, unknown, string]>([
    ['without a list', {}, 'feedFrom must be an object that has list, got {}'],
    [
      'with an empty name',
      { list: '' },
      'feedFrom.list must be the name of a list, got "" (handler of "work")',
    ],
    [
      'with another end',
      { list: 'k', take: 'top' },
      `feedFrom.take must be 'right' or 'left', got "top"`,
    ],
  ])('is refused %s', (_, feedFrom, message) => {
    expect(add({ feedFrom }, new RedisQueueServer())).toThrow(message);
  });

  test('is refused for a key of the library itself, for two handlers, and for live events', () => {
    const server = new RedisQueueServer();
    expect(add({ feedFrom: { list: 'rq:{work}:waiting' } }, server)).toThrow(
      'feedFrom.list must be a list of another program, not one with the prefix rq of this library, got "rq:{work}:waiting"',
    );
    add({ feedFrom: { list: 'theirs' } }, server, 'first')();
    expect(add({ feedFrom: { list: 'theirs' } }, server, 'second')).toThrow(
      'The handlers of "first" and "second" both take from the list "theirs"',
    );
    expect(add({ feedFrom: { list: 'other' } }, server, 'event', true)).toThrow(
      'feedFrom is for message queues',
    );
  });
});
