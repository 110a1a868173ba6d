import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { firstValueFrom, interval, lastValueFrom, take } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';
import { isHold } from '../../faults/commands.js';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';

const rig = nestRig();

const caller = new AsyncLocalStorage<string>();

/** The commands that were sent to Redis, and the context of each, as ioredis reports them to tracers. */
let commands: { name: string; store: string | undefined }[] = [];
let connects: (string | undefined)[] = [];

const onCommand = {
  start: (message: unknown) => {
    const { command } = message as { command: string }; // as ioredis publishes it
    commands.push({ name: command, store: caller.getStore() });
  },
};
const onConnect = { start: () => void connects.push(caller.getStore()) };

beforeEach(() => {
  commands = [];
  connects = [];
  tracingChannel('ioredis:command').subscribe(onCommand as never); // one of its five channels is enough
  tracingChannel('ioredis:connect').subscribe(onConnect as never);
});

afterEach(() => {
  tracingChannel('ioredis:command').unsubscribe(onCommand as never);
  tracingChannel('ioredis:connect').unsubscribe(onConnect as never);
});

function expectNoneOfCallers(): void {
  expect(commands.length).toBeGreaterThan(0);
  expect(commands.filter(({ store }) => store !== undefined)).toEqual([]);
  expect(connects.filter((store) => store !== undefined)).toEqual([]);
}

/** So large that it is parked, and that it opens the connection for bodies. */
const LARGE = 'x'.repeat(100_000);
const once = { id: 'once', deduplicateMs: 60_000 };

type Call = (client: RedisQueueClient) => PromiseLike<unknown>;

/** Every verb of a client, in each way that differs for Redis. */
const verbs: readonly [string, Call][] = [
  ['enqueue', (client) => client.enqueue('echo', 1)],
  ['enqueue of a large body', (client) => client.enqueue('echo', LARGE)],
  ['enqueue with a delay', (client) => client.enqueue('echo', 1, { delayMs: 1 })],
  [
    'enqueue of a large body with a delay',
    (client) => client.enqueue('echo', LARGE, { delayMs: 1 }),
  ],
  ['enqueue once', (client) => client.enqueue('echo', 1, once)],
  ['enqueueMany', (client) => client.enqueueMany('echo', [1, LARGE, 2])],
  ['emit', (client) => client.emit('happened', 1)],
  ['emit of a large body', (client) => client.emit('happened', LARGE)],
  ['emit once', (client) => client.emit('happened', 1, once)],
  ['emitMany', (client) => client.emitMany('happened', [1, LARGE, 2])],
  ['send', (client) => lastValueFrom(client.send('echo', 1))],
  ['send of a large body, which comes back', (client) => lastValueFrom(client.send('echo', LARGE))],
  ['send of which only one reply is wanted', (client) => firstValueFrom(client.send('values', 1))],
  [
    'send to a queue that nobody serves',
    (client) => lastValueFrom(client.send('nobody', 1)).catch((error: unknown) => error),
  ],
  ['connect', (client) => client.connect()],
];

describe('no command of a client', () => {
  test.each(verbs)('runs in the context of its callers: %s', async (_, call) => {
    await rig.serve({
      controllers: [
        controllerOf('echo', (data) => data),
        controllerOf('values', () => interval(1)),
        eventControllerOf('happened', () => undefined, { group: 'books' }),
        eventControllerOf('happened', () => undefined, { history: { maxLength: 5 } }),
      ],
    });
    rig.mayRemain(/:\{reply:.*}:(replies|refused)$/); // ids of the request that was given up, for a minute
    const client = rig.client({ declare: { happened: { groups: ['mail'] } } });
    commands = [];
    connects = [];

    for (const name of ['first', 'second']) await caller.run(name, () => call(client));
    await caller.run('closer', () => client.close());

    expect(connects.length).toBeGreaterThan(0);
    expectNoneOfCallers();
  });

  test('runs in that context when a lost call is sent again', async () => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const client = rig.client({ connection: proxy.url });
    await client.connect();
    proxy.dropReply(isHold);

    await caller.run('caller', () => client.enqueue('work', 1, once));

    expect(commands.filter(({ name }) => /^eval/i.test(name)).length).toBeGreaterThan(1);
    expectNoneOfCallers();
  });

  test('runs in that context after a reconnect, or in the loop that reads replies', async () => {
    await rig.serve({ controllers: [controllerOf('echo', (data) => data)] });
    const client = rig.client();
    await caller.run('first', () => lastValueFrom(client.send('echo', 1)));
    const before = connects.length;
    await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(() => expect(connects.length).toBeGreaterThan(before));

    await caller.run('second', () => lastValueFrom(client.send('echo', 2)));

    await eventually(() =>
      expect(commands.filter(({ name }) => name === 'blmpop').length).toBeGreaterThan(1),
    );
    expectNoneOfCallers();
  });
});

describe('no command of a server', () => {
  /** Enters a context in which no later delivery may run. */
  const enter = (data: unknown): unknown => {
    caller.enterWith('handler');
    return data;
  };
  const handlers: readonly [string, Type, Call][] = [
    [
      'a request',
      controllerOf('work', enter),
      (client) =>
        Promise.all([1, LARGE, 3].map((data) => lastValueFrom(client.send('work', data)))),
    ],
    [
      'a stream',
      controllerOf('work', () => {
        caller.enterWith('handler');
        return interval(1).pipe(take(5));
      }),
      (client) => lastValueFrom(client.send('work', 1)),
    ],
    [
      'a message that fails, comes again, and fails for good',
      controllerOf(
        'work',
        () => {
          caller.enterWith('handler');
          throw new Error('of a handler');
        },
        { options: { retry: { attempts: 2, delayMs: 1, if: () => true } } },
      ),
      (client) => client.enqueueMany('work', [1, LARGE, 3]),
    ],
    [
      'a message that is handled once',
      controllerOf('work', enter, { options: { once: { windowMs: 60_000 } } }),
      (client) => client.enqueueMany('work', [1, LARGE, 3]),
    ],
    [
      'a batch that is settled one by one',
      batchControllerOf('work', { batch: { size: 2 } }, (_, { items }) => {
        caller.enterWith('handler');
        for (const item of items) item.done();
      }),
      (client) => client.enqueueMany('work', [1, LARGE, 3]),
    ],
    [
      'a list that others fill',
      controllerOf('work', enter, { options: { feedFrom: { list: 'theirs' } } }),
      () => rig.commands.rpush('theirs', 'a', 'b', 'c'),
    ],
    [
      'a live event with a history',
      eventControllerOf('work', enter, {
        history: { maxLength: 5 },
        recover: { withinMs: 60_000 },
      }),
      (client) => client.emitMany('work', [1, LARGE, 3]),
    ],
    [
      'a durable event from a history',
      eventControllerOf('work', enter, { group: 'g', history: { maxLength: 5 }, from: 'earliest' }),
      (client) => client.emitMany('work', [1, LARGE, 3]),
    ],
  ];

  test.each(handlers)(
    'runs in the context in which it was started, or in that of a handler: %s',
    async (_, controller, call) => {
      let ended = 0;
      const observers = [{ ended: () => void (ended += 1) }];
      const server = rig.strategy({ observers });
      const app = await rig.microservice({ controllers: [controller] }, server);
      commands = [];
      connects = [];

      await caller.run('starter', () => app.listen());
      await call(rig.client());
      await eventually(() => expect(ended).toBeGreaterThan(0));
      await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
      await caller.run('closer', () => app.close());

      expect(commands.length).toBeGreaterThan(0);
      expectNoneOfCallers();
    },
  );
});

describe('no command of a RedisQueueAdmin', () => {
  /** The arguments of methods that need others than a queue and an id. */
  const ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
    overview: [],
    deadLetter: ['work', '1-1'],
    redrive: ['work', '1-1'],
    deleteDeadLetter: ['work', '1-1'],
    advanceDelayed: ['work'],
    deadLetters: ['work'],
    delayed: ['work'],
    deleteDeadLetters: ['work'],
    held: ['work'],
    peek: ['work'],
    pause: ['work'],
    pauseAll: [],
    resume: ['work'],
    resumeAll: [],
    purge: ['work'],
    redriveAll: ['work'],
    suspects: ['work'],
    declare: ['happened', { groups: ['g'], history: { maxLength: 5 } }],
    history: ['happened'],
    replay: ['happened', 'g'],
    retire: ['happened', 'g', { waiting: 'drop' }],
    endHistory: ['happened', { entries: 'drop' }],
  };
  const { prototype } = RedisQueueAdmin;
  const methods = Object.getOwnPropertyNames(prototype).filter(
    (name) => !['constructor', 'close', 'onApplicationShutdown'].includes(name),
  );

  test.each(methods)('runs in the context of its callers: %s', async (name) => {
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    const ask = async (): Promise<unknown> => {
      try {
        // Any method, by its name.
        const method = Reflect.get(admin, name) as (...given: unknown[]) => unknown;
        return await method.apply(admin, [...(ARGUMENTS[name] ?? ['work', 'm'])]);
      } catch (error) {
        return error; // there is nothing to replay, for example
      }
    };

    await caller.run('first', ask);
    await caller.run('second', ask);
    await caller.run('closer', () => admin.close());

    expect(connects.length).toBeGreaterThan(0);
    expectNoneOfCallers();
  });
});

describe('a subscriber', () => {
  test('of send gets values in its own context', async () => {
    await rig.serve({ controllers: [controllerOf('echo', (data) => data)] });
    const client = rig.client();
    const heard: unknown[] = [];
    const ask = (name: string): Promise<void> =>
      caller.run(
        name,
        () =>
          new Promise((resolve, reject) =>
            client.send('echo', name).subscribe({
              next: (value) => heard.push([value, caller.getStore()]),
              error: reject,
              complete: () => {
                heard.push(['end', caller.getStore()]);
                resolve();
              },
            }),
          ),
      );

    for (const name of ['r1', 'r2', 'r3']) await ask(name);

    expect(heard).toEqual(
      ['r1', 'r2', 'r3'].flatMap((name) => [
        [name, name],
        ['end', name],
      ]),
    );
  });

  test('of send gets failures in its own context, including that of its deadline', async () => {
    const app = await rig.serve({ controllers: [controllerOf('echo', (data) => data)] });
    await app.close();
    const client = rig.client({ requestTimeoutMs: 50 });
    const ask = (name: string, pattern: string): Promise<unknown> =>
      caller.run(
        name,
        () =>
          new Promise((resolve) =>
            client.send(pattern, 1).subscribe({ error: () => resolve(caller.getStore()) }),
          ),
      );

    expect(await Promise.all([ask('r1', 'echo'), ask('r2', 'echo'), ask('r3', 'none')])).toEqual([
      'r1',
      'r2',
      'r3',
    ]);
  });

  test('of a call that is already running gets its end in its own context', async () => {
    const client = rig.client();
    await client.connect();
    const listen = (name: string): Promise<unknown> =>
      caller.run(name, async () => {
        await new Promise(setImmediate);
        return new Promise((resolve, reject) =>
          call.subscribe({ next: () => resolve(caller.getStore()), error: reject }),
        );
      });
    rig.redis.pause();
    const call = caller.run('caller', () => client.enqueue('work', 1));
    const own = caller.run('caller', () => lastValueFrom(call).then(() => caller.getStore()));

    const heard = [own, listen('first'), listen('second')];
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    rig.redis.resume();

    expect(await Promise.all(heard)).toEqual(['caller', 'first', 'second']);
    expect(await listen('late')).toBe('late');
  });
});
