import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';

const rig = nestRig();

const caller = new AsyncLocalStorage<string>();

/** What was asked of Redis, and in whose context, as ioredis tells whoever traces it. */
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
  tracingChannel('ioredis:command').subscribe(onCommand as never); // one of its five is enough
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

const verbs: readonly [string, (client: RedisQueueClient) => Observable<unknown>][] = [
  ['enqueue', (client) => client.enqueue('echo', 1)],
  ['enqueueMany', (client) => client.enqueueMany('echo', [1, 2])],
  ['emit', (client) => client.emit('happened', 1)],
  ['emitMany', (client) => client.emitMany('happened', [1, 2])],
  ['send', (client) => client.send('echo', 1)],
];

describe('nothing that a client asks of Redis', () => {
  test.each(verbs)('runs in the context of its callers: %s', async (_, call) => {
    await rig.serve({
      controllers: [
        controllerOf('echo', (data) => data),
        eventControllerOf('happened', () => undefined, { group: 'books' }),
      ],
    });
    const client = rig.client();
    commands = [];
    connects = [];

    for (const name of ['first', 'second']) {
      const called = caller.run(name, () => lastValueFrom(call(client)));
      await called;
    }

    expect(connects.length).toBeGreaterThan(0);
    expectNoneOfCallers();
  });

  test('runs in it after a reconnect either, nor in its loop that reads replies', async () => {
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

test('nothing that a server asks of Redis runs in the context that it was started in, nor in those of handlers', async () => {
  const server = rig.strategy();
  const app = await rig.microservice(
    {
      controllers: [
        controllerOf('echo', (data) => {
          caller.enterWith('handler');
          return data;
        }),
      ],
    },
    server,
  );
  await caller.run('starter', () => app.listen());
  const client = rig.client();
  for (const data of [1, 2, 3]) await lastValueFrom(client.send('echo', data));
  await caller.run('closer', () => app.close());

  expect(commands.some(({ name }) => name === 'blmove')).toBe(true);
  expectNoneOfCallers();
});

test('nothing that a RedisQueueAdmin asks of Redis runs in the context of its callers', async () => {
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));

  await caller.run('caller', () => admin.lengths('work'));
  await caller.run('caller', () => admin.purge('work'));

  expectNoneOfCallers();
});

describe('a subscriber', () => {
  test('of send hears values in its own context', async () => {
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

  test('of send hears failures in its own context, also that of its deadline', async () => {
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

  test('of a call that runs already hears its end in its own context', async () => {
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
