import { describe, expect, test } from '@jest/globals';
import {
  InvalidOptionError,
  NobodyListensError,
  RedisQueueAdmin,
  RedisQueueRecord,
  RedisQueueRecordBuilder,
  RequestTimeoutError,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { msgpackCodec } from 'nestjs-redis-queue-transport/msgpack';
import { NEVER, concat, lastValueFrom, of } from 'rxjs';
import type { Observable } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';
import type { Handle } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';

const rig = nestRig();

/** Calls as JavaScript may, without types. */
type Verbs = Record<
  string,
  (pattern: string, data: unknown, options: unknown) => Observable<unknown>
>;

function untyped(client: RedisQueueClient): Verbs {
  return client as unknown as Verbs;
}

async function headersOfWaiting(queue: string): Promise<Record<string, unknown>[]> {
  const elements = await rig.queue(queue).waiting();
  return elements.map((element) => JSON.parse(element.split('\n')[0]!) as Record<string, unknown>);
}

describe('the options of a call', () => {
  test('set for an enqueued message what a record would set', async () => {
    const client = rig.client({ codec: msgpackCodec });
    const options = { id: 'a', headers: { tenant: 'acme' }, expiresInMs: 60_000 };

    expect(await client.enqueue('work', { n: 1 }, options)).toEqual({
      id: 'a',
      isDuplicate: false,
    });
    await client.enqueue('work', new RedisQueueRecord({ n: 1 }, options));

    const [byOptions, byRecord] = await headersOfWaiting('work');
    expect(byOptions).toMatchObject({ id: 'a', headers: { tenant: 'acme' }, codec: 'msgpack' });
    expect(Object.keys(byOptions!)).toEqual(Object.keys(byRecord!));
  });

  test('delay and deduplicate it', async () => {
    const client = rig.client();
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    const again = { id: 'a', deduplicateMs: 60_000 };

    await client.enqueue('work', 1, { ...again, delayMs: 60_000 });
    expect(await client.enqueue('work', 2, again)).toEqual({ id: 'a', isDuplicate: true });
    await client.enqueue('work', 3, { deliverAt: new Date(Date.now() + 60_000) });

    expect(await admin.lengths('work')).toMatchObject({ waiting: 0, delayed: 2 });
  });

  test('reach the handlers of events', async () => {
    const heard: unknown[] = [];
    const handle = (data: unknown, context: { getHeaders(): unknown; getMessageId(): unknown }) =>
      void heard.push([data, context.getMessageId(), context.getHeaders()]);
    await rig.serve({
      controllers: [
        eventControllerOf('happened', handle),
        eventControllerOf('happened', handle, { group: 'books' }),
      ],
    });
    const client = rig.client();

    const options = { id: 'a', headers: { tenant: 'acme' }, deduplicateMs: 60_000 };
    expect(await client.emit('happened', 1, options)).toMatchObject({ id: 'a', groups: 1 });
    expect(await client.emit('happened', 2, options)).toMatchObject({ isDuplicate: true });

    const expected = [1, 'a', { tenant: 'acme' }];
    await eventually(() => expect(heard).toEqual([expected, expected]));
    await expect(client.emit('unheard', 1, { isMandatory: true })).rejects.toThrow(
      NobodyListensError,
    );
  });

  test('reach the handler of a request each time that it is asked', async () => {
    const handle: Handle = (data, context) => [data, context.getMessageId(), context.getHeaders()];
    const controllers = [controllerOf('echo', handle)];
    await rig.serve({ controllers }, { codecs: [msgpackCodec] });
    const options = { id: 'a', headers: { tenant: 'acme' }, codec: msgpackCodec };

    const answer = rig.client().send('echo', Buffer.from('x'), options);

    const expected = [Buffer.from('x'), 'a', { tenant: 'acme' }]; // JSON cannot write bytes
    expect([await lastValueFrom(answer), await lastValueFrom(answer)]).toEqual([
      expected,
      expected,
    ]);
  });

  test('take precedence over a record for what they name, header by header', async () => {
    const client = rig.client();
    const record = new RedisQueueRecordBuilder(1).id('a').headers({ tenant: 'acme', trace: '7' });

    await client.enqueue('work', record.build(), {
      id: undefined,
      headers: { tenant: 'other', user: 'ada' },
      expiresInMs: undefined,
    });

    expect(await headersOfWaiting('work')).toMatchObject([
      { id: 'a', headers: { tenant: 'other', trace: '7', user: 'ada' } },
    ]);
    expect(record.build().options.headers).toEqual({ tenant: 'acme', trace: '7' });
  });

  test('are read when the call is made', async () => {
    const client = rig.client();
    const options = { id: 'a', headers: { tenant: 'acme' } };

    const call = client.enqueue('work', 1, options); // not connected yet
    options.id = 'b';
    options.headers.tenant = 'other';

    expect(await call).toMatchObject({ id: 'a' });
    expect(await headersOfWaiting('work')).toMatchObject([
      { id: 'a', headers: { tenant: 'acme' } },
    ]);
  });

  test('of several messages apply to each of them', async () => {
    const heard: unknown[] = [];
    await rig.serve({
      controllers: [
        eventControllerOf(
          'happened',
          (data, context) => void heard.push([data, context.getHeaders()]),
        ),
      ],
    });
    const client = rig.client();
    const options = { headers: { tenant: 'acme' }, deduplicateMs: 60_000 };
    const records = ['a', 'b'].map((id) => new RedisQueueRecordBuilder(id).id(id).build());

    await client.enqueueMany('work', records, options);
    expect(await client.enqueueMany('work', records, options)).toMatchObject([
      { isDuplicate: true },
      { isDuplicate: true },
    ]);
    await client.emitMany('happened', [1, 2], { headers: { tenant: 'acme' } });

    expect(await headersOfWaiting('work')).toMatchObject([
      { id: 'a', headers: { tenant: 'acme' } },
      { id: 'b', headers: { tenant: 'acme' } },
    ]);
    await eventually(() =>
      expect(heard).toEqual([
        [1, { tenant: 'acme' }],
        [2, { tenant: 'acme' }],
      ]),
    );
    await expect(
      client.enqueueMany('work', ['x', records[0]], { deduplicateMs: 5 }),
    ).rejects.toThrow(/deduplicateMs needs an id/);
  });
});

describe('options that a call cannot have', () => {
  const verbs = ['enqueue', 'emit', 'send', 'enqueueMany', 'emitMany'];
  const one = (verb: string): unknown => (verb.endsWith('Many') ? ['x'] : 'x');

  test.each<[string, unknown, string]>([
    ['misspelt', { header: {} }, 'has no option header; did you mean headers?'],
    ['a method of the builder', { expiresIn: 5 }, 'did you mean expiresInMs?'],
    ['not an object', 5, 'options must be an object with message settings'],
    ['null', null, 'options must be an object with message settings'],
    ['a header that is not text', { headers: { a: 1 } }, 'headers.a must be text, got 1'],
    ['out of range', { expiresInMs: 0 }, 'expiresInMs must be a whole number of milliseconds ≥ 1'],
    ['not a codec', { codec: 'raw' }, 'codec must be an object with name'],
  ])('are refused by each verb: %s', async (_, options, text) => {
    const client = untyped(rig.client());
    for (const verb of verbs) {
      const refused = lastValueFrom(client[verb]!('work', one(verb), options));
      await expect(refused).rejects.toThrow(InvalidOptionError);
      await expect(refused).rejects.toThrow(text);
    }
    expect(await rig.queue('work').waiting()).toEqual([]);
  });

  test.each<[string, object, string]>([
    [
      'enqueue',
      { isMandatory: true },
      'enqueue() does not support isMandatory: use it with emit()',
    ],
    ['enqueue', { timeoutMs: 5 }, 'enqueue() does not support timeoutMs: use it with send()'],
    ['emit', { delayMs: 5 }, 'emit() does not support delayMs: use it with enqueue()'],
    ['emit', { totalTimeoutMs: 5 }, 'emit() does not support totalTimeoutMs: use it with send()'],
    ['send', { deliverAt: new Date() }, 'send() does not support deliverAt: use it with enqueue()'],
    [
      'send',
      { id: 'a', deduplicateMs: 5 },
      'send() does not support deduplicateMs: use it with enqueue() and emit()',
    ],
    ['enqueueMany', { id: 'a' }, 'enqueueMany() cannot give all messages the same id "a"'],
    ['emitMany', { id: 'a' }, 'emitMany() cannot give all messages the same id "a"'],
    ['enqueue', { deduplicateMs: 5 }, 'deduplicateMs needs an id'],
    ['enqueue', { delayMs: 5, deliverAt: new Date() }, 'delayMs and deliverAt exclude each other'],
    [
      'enqueue',
      { colour: 1 },
      'enqueue() has no option colour; its options are id, key, priority, headers, delayMs, deliverAt, ' +
        'expiresInMs, deduplicateMs, waitForRoomMs, codec',
    ],
    [
      'enqueueMany',
      { colour: 1 },
      'enqueueMany() has no option colour; its options are key, priority, headers, delayMs, deliverAt, ' +
        'expiresInMs, deduplicateMs, waitForRoomMs, codec',
    ],
    [
      'emit',
      { colour: 1 },
      'its options are id, key, priority, headers, isMandatory, expiresInMs, deduplicateMs, waitForRoomMs, codec',
    ],
    [
      'send',
      { colour: 1 },
      'its options are id, key, priority, headers, expiresInMs, waitForRoomMs, codec, timeoutMs, totalTimeoutMs',
    ],
    ['send', { timeoutMs: 2 ** 31 }, 'timeoutMs must be a whole number of milliseconds from 1 to'],
  ])('are refused by %s: %p', async (verb, options, text) => {
    const refused = lastValueFrom(untyped(rig.client())[verb]!('work', one(verb), options));
    await expect(refused).rejects.toThrow(InvalidOptionError);
    await expect(refused).rejects.toThrow(text);
    expect(await rig.queue('work').waiting()).toEqual([]);
  });

  test('are refused if they contradict a record', async () => {
    const client = rig.client();
    const due = new RedisQueueRecordBuilder('x').deliverAt(new Date()).build();
    const heard = new RedisQueueRecordBuilder('x').mandatory().build();

    await expect(client.enqueue('work', due, { delayMs: 5 })).rejects.toThrow(
      'delayMs and deliverAt exclude each other',
    );
    await expect(client.enqueue('work', heard, { id: 'a' })).rejects.toThrow(
      'enqueue() does not support mandatory: use it with emit()',
    );
    await expect(client.enqueue('work', 'x', { deduplicateMs: 5 })).rejects.toMatchObject({
      option: 'deduplicateMs',
    });
  });
});

describe('the time limit of a single request', () => {
  const ways: readonly [
    string,
    (
      client: RedisQueueClient,
      times: { timeoutMs?: number; totalTimeoutMs?: number },
    ) => Observable<unknown>,
  ][] = [
    ['options', (client, times) => client.send('ticks', 1, times)],
    ['a record', (client, times) => client.send('ticks', new RedisQueueRecord(1, times))],
  ];

  test.each(ways)('can be shorter than that of its client, by %s', async (_, send) => {
    rig.mayRemain(/:(replies|refused)$/);
    const signals: AbortSignal[] = [];
    await rig.serve({
      controllers: [
        controllerOf('ticks', (__, context) => {
          signals.push(context.getSignal());
          return NEVER;
        }),
      ],
    });
    const client = rig.client({ requestTimeoutMs: 60_000 });
    await client.connect();

    // On a busy machine the time may be over before the handler begins. Then the test asks again.
    await eventually(async () => {
      const failed = lastValueFrom(send(client, { timeoutMs: 200 }));
      await expect(failed).rejects.toThrow(RequestTimeoutError);
      await expect(failed).rejects.toMatchObject({ timeoutMs: 200, waitedFor: 'first' });
      await expect(failed).rejects.toThrow('No reply to "ticks" within 200 ms');
      expect(signals).not.toEqual([]);
    });
    // The server knows the limit too, and lets the handler go.
    await eventually(() => expect(signals[0]?.aborted).toBe(true));
  });

  test.each(ways)('bounds all of its replies, by %s', async (_, send) => {
    rig.mayRemain(/:(replies|refused)$/);
    await rig.serve({ controllers: [controllerOf('ticks', () => concat(of(1), NEVER))] });
    const client = rig.client({ requestTotalTimeoutMs: 60_000 });
    await client.connect();

    const failed = lastValueFrom(send(client, { totalTimeoutMs: 300 }));

    await expect(failed).rejects.toMatchObject({ timeoutMs: 300, waitedFor: 'all' });
  });

  test('is the time within which a server may begin it', async () => {
    const app = await rig.serve({ controllers: [controllerOf('echo', (data) => data)] });
    await app.close();
    const client = rig.client({ requestTimeoutMs: 60_000 });

    // On a busy machine the time may be over before the request is sent. Then the test asks again.
    await eventually(async () => {
      const failed = lastValueFrom(client.send('echo', 1, { timeoutMs: 100 }));
      await expect(failed).rejects.toThrow(RequestTimeoutError);
      expect(await rig.queue('echo').waiting()).toHaveLength(1);
    });
    await rig.serve({ controllers: [controllerOf('echo', (data) => data)] });

    await eventually(async () => expect(await rig.queue('echo').expired()).toBe(1));
  });

  test('can be longer than that of its client', async () => {
    const app = await rig.serve({ controllers: [controllerOf('echo', (data) => data)] });
    await app.close();
    const client = rig.client({ requestTimeoutMs: 50 });
    const record = new RedisQueueRecordBuilder(1).timeout(60_000).totalTimeout(60_000).build();

    const answers = [
      client.send('echo', 1, { timeoutMs: 60_000 }),
      client.send('echo', record),
    ].map((answer) => lastValueFrom(answer));
    await expect(lastValueFrom(client.send('echo', 1))).rejects.toThrow(RequestTimeoutError);
    await rig.serve({ controllers: [controllerOf('echo', (data) => data)] });

    expect(await Promise.all(answers)).toEqual([1, 1]);
  });
});
