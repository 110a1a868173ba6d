import { channel } from 'node:diagnostics_channel';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { InvalidOptionError, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import type {
  RedisQueueBatchContext,
  RedisQueueClient,
  RedisQueueClientOptions,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom, map } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';
import type { Handle } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';

const rig = nestRig();

let closed: RedisQueueClient[] = [];

/** After the shutdown of its app, headers are no longer passed along. */
afterEach(async () => {
  for (const client of closed) await client.onApplicationShutdown();
  closed = [];
});

function clientOf(options: RedisQueueClientOptions): RedisQueueClient {
  const client = rig.client(options);
  closed.push(client);
  return client;
}

/** The headers of a message in the queue, found by its data. */
function listener(pattern: string, heard: Map<unknown, unknown>): Type {
  return controllerOf(pattern, (data, context) => {
    heard.set(data, context.getHeaders());
    return context.getHeaders();
  });
}

const settings = (tenant: string) => ({ headers: { tenant, trace: `of ${tenant}`, other: 'x' } });

describe('headers of a client', () => {
  test('go with everything that it sends, unless a message has the same header', async () => {
    const heard = new Map<unknown, unknown>();
    const events = new Map<unknown, unknown>();
    await rig.serve({
      controllers: [
        listener('work', heard),
        eventControllerOf(
          'happened',
          (data, context) => void events.set(data, context.getHeaders()),
        ),
      ],
    });
    const headers = { sender: 'shop', tenant: 'none' };
    const client = clientOf({ headers });
    headers.sender = 'changed';

    await client.enqueue('work', 1);
    await client.enqueue('work', 2, { headers: { tenant: 'acme' } });
    await client.enqueue('work', new RedisQueueRecordBuilder(3).headers({ a: 'b' }).build());
    await client.enqueueMany('work', [4, 5], { headers: { tenant: 'acme' } });
    await client.emit('happened', 6);
    expect(await lastValueFrom(client.send('work', 7))).toEqual({ sender: 'shop', tenant: 'none' });

    const all = { sender: 'shop', tenant: 'none' };
    const ofAcme = { sender: 'shop', tenant: 'acme' };
    await eventually(() => {
      expect([...heard].sort()).toEqual([
        [1, all],
        [2, ofAcme],
        [3, { ...all, a: 'b' }],
        [4, ofAcme],
        [5, ofAcme],
        [7, all],
      ]);
      expect([...events]).toEqual([[6, all]]);
    });
  });

  test.each<[RedisQueueClientOptions, string]>([
    [{ headers: { a: 1 } as never }, 'headers.a must be text, got 1'],
    [{ headers: 'tenant' as never }, 'headers must be an object with text values'],
    [{ forwardHeaders: 'tenant' as never }, 'forwardHeaders must be an array of names of headers'],
    [{ forwardHeaders: ['tenant', 5 as never] }, 'forwardHeaders[1] must be the name of a header'],
  ])('are checked: %p', (options, text) => {
    expect(() => rig.client(options)).toThrow(InvalidOptionError);
    expect(() => rig.client(options)).toThrow(text);
  });
});

describe('listed headers', () => {
  const verbs: [string, (client: RedisQueueClient, data: unknown) => unknown][] = [
    ['enqueue', (client, data) => client.enqueue('next', data)],
    ['enqueueMany', (client, data) => client.enqueueMany('next', [data])],
    ['emit', (client, data) => client.emit('next', data)],
    ['emitMany', (client, data) => client.emitMany('next', [data])],
    ['send', (client, data) => lastValueFrom(client.send('next', data))],
    [
      'send, as what it returns',
      (client, data) => client.send('next', data).pipe(map(() => 'done')),
    ],
  ];

  test.each(verbs)(
    'are passed on from a message to what its handler sends: %s',
    async (_, send) => {
      const heard = new Map<unknown, unknown>();
      const client = clientOf({ forwardHeaders: ['tenant', 'trace', 'absent'] });
      await rig.serve({
        controllers: [
          controllerOf('first', async (data) => {
            await new Promise(setImmediate);
            return send(client, data);
          }),
          listener('next', heard),
          eventControllerOf('next', (data, context) => void heard.set(data, context.getHeaders())),
        ],
      });

      const names = ['acme', 'globex', 'initech'];
      const plain = rig.client();
      await Promise.all(names.map((name) => plain.enqueue('first', name, settings(name))));

      await eventually(() =>
        expect([...heard].sort()).toEqual(
          names.map((name) => [name, { tenant: name, trace: `of ${name}` }]),
        ),
      );
    },
  );

  test('are passed on from live events, durable ones and batches', async () => {
    const heard = new Map<unknown, unknown>();
    const client = clientOf({ forwardHeaders: ['tenant', 'trace'] });
    const from =
      (origin: string): Handle =>
      () =>
        client.enqueue('next', origin);
    const batch = { batch: { size: 2, waitMs: 500 } };
    await rig.serve({
      controllers: [
        eventControllerOf('happened', from('live')),
        eventControllerOf('happened', from('durable'), { group: 'books' }),
        controllerOf('batches', (data) => client.enqueue('next', String(data)), { options: batch }),
        listener('next', heard),
      ],
    });
    const plain = rig.client();

    await plain.emit('happened', 1, settings('acme'));
    await plain.enqueueMany(
      'batches',
      [1, 2].map((n) =>
        new RedisQueueRecordBuilder(n).headers({ tenant: 'acme', trace: `${n}` }).build(),
      ),
    );

    const all = { tenant: 'acme', trace: 'of acme' };
    await eventually(() =>
      expect(Object.fromEntries(heard)).toEqual({
        live: all,
        durable: all,
        '1,2': { tenant: 'acme' }, // what both have in common
      }),
    );
  });

  test("are overridden by a message's own headers, and override those of the client", async () => {
    const heard = new Map<unknown, unknown>();
    const client = clientOf({
      forwardHeaders: ['tenant', 'trace'],
      headers: { tenant: 'none', sender: 'shop' },
    });
    await rig.serve({
      controllers: [
        controllerOf('first', (data) =>
          client.enqueue('next', data, { headers: { trace: 'own' } }),
        ),
        listener('next', heard),
      ],
    });

    await rig.client().enqueue('first', 1, settings('acme'));
    await client.enqueue('next', 2); // not in a handler

    await eventually(() =>
      expect(Object.fromEntries(heard)).toEqual({
        1: { tenant: 'acme', trace: 'own', sender: 'shop' },
        2: { tenant: 'none', sender: 'shop' },
      }),
    );
  });

  test('stay with their message: the next one without headers sends none', async () => {
    const heard = new Map<unknown, unknown>();
    const client = clientOf({ forwardHeaders: ['tenant'] });
    const gate = new Gate();
    const handle: Handle = async (data) => {
      if (data === 'first') await gate.opened;
      await client.enqueue('next', data);
    };
    const options = { concurrency: 2 };
    await rig.serve({
      controllers: [controllerOf('first', handle, { options }), listener('next', heard)],
    });
    const plain = rig.client();

    await plain.enqueue('first', 'first', settings('acme'));
    for (const data of ['second', 'third']) await plain.enqueue('first', data);
    await rig.commands.lpush(rig.queue('first').waitingKey, '"of others"');
    await plain.enqueue('first', 'last');
    await eventually(() => expect(heard.has('last')).toBe(true));
    gate.open();

    await eventually(() =>
      expect(Object.fromEntries(heard)).toEqual({
        first: { tenant: 'acme' },
        second: {},
        third: {},
        'of others': {},
        last: {},
      }),
    );
  });

  test('are taken from what the message really has', async () => {
    const heard = new Map<unknown, unknown>();
    const names = ['__proto__', 'constructor', 'toString'];
    const client = clientOf({ forwardHeaders: names });
    await rig.serve({
      controllers: [
        controllerOf('first', (data) => client.enqueue('next', data)),
        controllerOf(
          'next',
          (data, context) => void heard.set(data, Object.entries(context.getHeaders())),
        ),
      ],
    });
    const header = '{"rq":1,"id":"a","headers":{"__proto__":"x"}}';
    await rig.commands.lpush(rig.queue('first').waitingKey, `${header}\n1`, '2');

    await eventually(() =>
      expect([...heard].sort()).toEqual([
        [1, [['__proto__', 'x']]],
        [2, []],
      ]),
    );
  });

  test('cost nothing if no client lists any, and after the last one that does has closed', async () => {
    const handled = channel('nestjs-redis-queue-transport.handled');
    const plain = rig.client({ headers: { sender: 'shop' } });
    await plain.enqueue('work', 1);
    expect(handled.hasSubscribers).toBe(false);

    const client = clientOf({ forwardHeaders: ['tenant'] });
    expect(handled.hasSubscribers).toBe(true);
    await client.close();
    await client.enqueue('work', 2); // opens it again
    expect(handled.hasSubscribers).toBe(true);
    await client.onApplicationShutdown();
    expect(handled.hasSubscribers).toBe(false);
  });
});

test('a batch whose messages have no header in common passes none on', async () => {
  const heard = new Map<unknown, unknown>();
  const client = clientOf({ forwardHeaders: ['tenant'] });
  const contexts: RedisQueueBatchContext[] = [];
  await rig.serve({
    controllers: [
      controllerOf(
        'batches',
        (data, context) => {
          contexts.push(context as unknown as RedisQueueBatchContext); // what a batch gets
          return client.enqueue('next', String(data));
        },
        { options: { batch: { size: 2, waitMs: 500 } } },
      ),
      listener('next', heard),
    ],
  });
  const records = ['acme', 'globex'].map((tenant) =>
    new RedisQueueRecordBuilder(tenant).headers({ tenant }).build(),
  );

  await rig.client().enqueueMany('batches', records);

  await eventually(() => expect([...heard]).toEqual([['acme,globex', {}]]));
  expect(contexts[0]?.items.map((item) => item.getHeaders())).toEqual([
    { tenant: 'acme' },
    { tenant: 'globex' },
  ]);
});
