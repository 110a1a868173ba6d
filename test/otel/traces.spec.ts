import { describe, expect, test } from '@jest/globals';
import { RedisQueueAdmin, RetryLater } from 'nestjs-redis-queue-transport';
import type {
  RedisQueueClient,
  RedisQueueClientOptions,
  RedisQueueServerOptions,
} from 'nestjs-redis-queue-transport';
import { openTelemetryTraces } from 'nestjs-redis-queue-transport/otel';
import type { INestMicroservice, Type } from '@nestjs/common';
import { firstValueFrom, interval, lastValueFrom, of, take } from 'rxjs';
import { batchControllerOf } from '../e2e/batches/controller.js';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventControllerOf } from '../e2e/events/controller.js';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { nestRig } from '../support/nest-rig.js';
import { spanRig } from './span-rig.js';

const rig = nestRig();
const spans = spanRig();

const observers = [openTelemetryTraces({ tracerProvider: spans.provider })];

function serve(
  controllers: readonly Type[],
  options: RedisQueueServerOptions = {},
): Promise<INestMicroservice> {
  return rig.serve({ controllers: [...controllers] }, { observers, ...options });
}

function client(options: RedisQueueClientOptions = {}): RedisQueueClient {
  return rig.client({ observers, ...options });
}

async function expectTrees(expected: readonly string[]): Promise<void> {
  await eventually(() => expect(spans.trees).toEqual(expected));
}

const nothing = (): void => undefined;

function fail(): never {
  throw new TypeError('of a handler');
}

describe('one trace goes from the caller to the handler', () => {
  test('of a message', async () => {
    await serve([controllerOf('work', nothing)]);

    await spans.within('caller', () => client().enqueue('work', { a: 1 }, { id: 'm' }));

    await expectTrees([
      'caller',
      '  producer enqueue work',
      '    consumer process work',
      '      client ack work',
    ]);
    const [sending] = spans.named('enqueue');
    const [process] = spans.named('process');
    const [settle] = spans.named('ack');
    const shared = { 'messaging.system': 'redis_queue', 'messaging.destination.name': 'work' };
    expect(sending?.attributes).toEqual({
      ...shared,
      'messaging.operation.name': 'enqueue',
      'messaging.operation.type': 'send',
      'messaging.message.id': 'm',
    });
    expect(process?.attributes).toEqual({
      ...shared,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.message.id': 'm',
      'redis_queue.attempt': 1,
      'redis_queue.outcome': 'ack',
    });
    expect(settle?.attributes).toEqual({
      ...shared,
      'messaging.operation.name': 'ack',
      'messaging.operation.type': 'settle',
      'messaging.message.id': 'm',
      'redis_queue.attempt': 1,
    });
    expect(process?.parentSpanContext?.isRemote).toBe(true);
  });

  test('of a request, whose span lasts until its reply', async () => {
    await serve([controllerOf('ask', () => 42)]);

    await spans.within('caller', () => lastValueFrom(client().send('ask', 1)));

    await expectTrees([
      'caller',
      '  producer send ask',
      '    consumer process ask',
      '      client ack ask',
    ]);
    // The spans are kept in the order of their ends.
    const ends = spans.spans.map(({ name }) => name);
    expect(ends.indexOf('send ask')).toBeGreaterThan(ends.indexOf('process ask'));
  });

  test.each<[string, (client: RedisQueueClient) => Promise<unknown>]>([
    ['to its last value', (sender) => lastValueFrom(sender.send('values', 1))],
    [
      'of which its caller wants only the first',
      (sender) => firstValueFrom(sender.send('values', 1)),
    ],
  ])('of a request with a stream of replies, %s', async (_, call) => {
    rig.mayRemain(/:\{reply:.*}:(replies|refused)$/);
    await serve([controllerOf('values', () => interval(1).pipe(take(20)))]);

    await spans.within('caller', () => call(client()));

    await expectTrees([
      'caller',
      '  producer send values',
      '    consumer process values',
      '      client ack values',
    ]);
  });

  test('of an event, to each live handler and to each group', async () => {
    await serve([
      eventControllerOf('user.created', nothing),
      eventControllerOf('user.*', nothing),
      eventControllerOf('user.created', nothing, { group: 'mail' }),
      eventControllerOf('user.#', nothing, { group: 'audit' }),
    ]);

    await spans.within('caller', () => client().emit('user.created', 1, { id: 'e' }));

    await eventually(() => expect(spans.spans).toHaveLength(8));
    expect([...spans.trees].sort()).toEqual(
      [
        'caller',
        '  producer emit user.created',
        '    consumer process user.created',
        '    consumer process user.*',
        '    consumer process user.created',
        '      client ack user.created',
        '    consumer process user.#',
        '      client ack user.#',
      ].sort(),
    );
    const ofGroups = spans
      .named('process')
      .map(({ attributes }) => [
        attributes['messaging.destination.name'],
        attributes['messaging.destination.template'],
        attributes['messaging.consumer.group.name'],
      ]);
    expect(ofGroups.map(String).sort()).toEqual([
      'user.created,,',
      'user.created,,mail',
      'user.created,user.#,audit',
      'user.created,user.*,',
    ]);
  });

  test('through what a handler sends in turn', async () => {
    const sender = client();
    await serve([
      controllerOf('order', async (id) => {
        await new Promise(setImmediate);
        await sender.enqueue('reserve', id);
      }),
      controllerOf('reserve', (id) => sender.emit('reserved', id)),
      eventControllerOf('reserved', (id) => firstValueFrom(sender.send('mail', id)), {
        group: 'g',
      }),
      controllerOf('mail', () => 'sent'),
    ]);

    await spans.within('caller', () => sender.enqueue('order', 7));

    await eventually(() => expect(spans.named('ack')).toHaveLength(4));
    expect(new Set(spans.spans.map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(spans.trees.filter((line) => !line.includes(' ack '))).toEqual([
      'caller',
      '  producer enqueue order',
      '    consumer process order',
      '      producer enqueue reserve',
      '        consumer process reserve',
      '          producer emit reserved',
      '            consumer process reserved',
      '              producer send mail',
      '                consumer process mail',
    ]);
  });

  test('and keeps messages apart that are handled at the same time', async () => {
    const sender = client();
    const all = new Gate<void>();
    let waiting = 0;
    await serve([
      controllerOf('first', async (id) => {
        waiting += 1;
        if (waiting === 20) all.open();
        await all.opened;
        await sender.enqueue('second', id);
      }),
      controllerOf('second', nothing),
    ]);

    for (let i = 0; i < 20; i += 1)
      await spans.within(`caller ${i}`, () => sender.enqueue('first', i));

    await eventually(() => expect(spans.named('ack second')).toHaveLength(20));
    const tree = [
      '  producer enqueue first',
      '    consumer process first',
      '      producer enqueue second',
      '        consumer process second',
    ];
    await expectNoAcks(Array.from({ length: 20 }, (_, i) => [`caller ${i}`, ...tree]).flat());
  });

  async function expectNoAcks(expected: readonly string[]): Promise<void> {
    await eventually(() =>
      expect(spans.trees.filter((line) => !line.includes(' ack '))).toEqual(expected),
    );
  }

  test('of calls outside of any span, which begin traces of their own', async () => {
    await serve([controllerOf('work', nothing)]);
    const sender = client();

    await sender.enqueue('work', 1);
    await eventually(() => expect(spans.named('ack')).toHaveLength(1));
    await sender.enqueue('work', 2);

    const tree = ['producer enqueue work', '  consumer process work', '    client ack work'];
    await expectTrees([...tree, ...tree]);
  });
});

describe('a message that does not succeed at once stays in its trace', () => {
  test('through attempts and a dead letter, and when it is redriven', async () => {
    let runs = 0;
    const handle = (): void => {
      runs += 1;
      if (runs <= 2) fail();
    };
    await serve([controllerOf('work', handle)], {
      retry: { attempts: 2, delayMs: 10, if: () => true },
    });

    await spans.within('caller', () => client().enqueue('work', 1));
    await eventually(() => expect(spans.named('deadLetter')).toHaveLength(1));
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    expect(await admin.redriveAll('work')).toBe(1);

    await expectTrees([
      'caller',
      '  producer enqueue work',
      '    consumer process work (TypeError)',
      '      client retry work',
      '    consumer process work (TypeError)',
      '      client deadLetter work (TypeError)',
      '    consumer process work',
      '      client ack work',
    ]);
    const attempts = spans
      .named('process')
      .map(({ attributes }) => [
        attributes['redis_queue.attempt'],
        attributes['redis_queue.outcome'],
      ]);
    expect(attempts).toEqual([
      [1, 'retry'],
      [2, 'deadLetter'],
      [1, 'ack'],
    ]);
    expect(spans.named('retry')[0]?.attributes['redis_queue.delay_ms']).toEqual(expect.any(Number));
    expect(spans.named('deadLetter')[0]?.attributes['redis_queue.reason']).toBe('handlerFailed');
  });

  test('with a link to the redrive, whether it was redriven alone or among others', async () => {
    let isMended = false;
    const handle = (): void => {
      if (!isMended) fail();
    };
    await serve([controllerOf('work', handle)], { retry: { attempts: 1 } });
    const sender = client();
    for (const name of ['a', 'b', 'c'])
      await spans.within(name, () => sender.enqueue('work', name, { id: name }));
    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(3));
    const admin = rig.closeLater(new RedisQueueAdmin({ ...rig.clientOptions(), observers }));
    const { letters } = await admin.deadLetters('work');
    isMended = true;

    await spans.within('operator', () => admin.redrive('work', letters[0]?.entry ?? ''));
    await spans.within('operator of all', () => admin.redriveAll('work'));

    await eventually(() => expect(spans.named('ack')).toHaveLength(3));
    const handled = spans.named('process').slice(3);
    const [one, both] = spans.named('redrive');
    expect(spans.trees.slice(-4)).toEqual([
      'operator',
      '  producer redrive work',
      'operator of all',
      '  producer redrive work',
    ]);
    expect(one?.attributes['messaging.message.id']).toBe('a');
    expect(both?.attributes['messaging.batch.message_count']).toBe(2);
    const linked = handled.map(({ attributes, links }) => [
      attributes['messaging.message.id'],
      ...links.map(({ context }) => context.spanId),
    ]);
    expect(linked.toSorted()).toEqual([
      ['a', one?.spanContext().spanId],
      ['b', both?.spanContext().spanId],
      ['c', both?.spanContext().spanId],
    ]);
    const senders = spans.named('enqueue').map((span) => span.spanContext().traceId);
    expect(handled.map((span) => span.spanContext().traceId).toSorted()).toEqual(
      senders.toSorted(),
    );
  });

  test('through a postponement, which is not a failure', async () => {
    let runs = 0;
    const handle = (): void => {
      runs += 1;
      if (runs === 1) throw new RetryLater({ delayMs: 10 });
    };
    await serve([controllerOf('work', handle)]);

    await spans.within('caller', () => client().enqueue('work', 1));

    await expectTrees([
      'caller',
      '  producer enqueue work',
      '    consumer process work',
      '      client retry work',
      '    consumer process work',
      '      client ack work',
    ]);
  });

  test.each<[string, string, readonly string[]]>([
    ['it expired', '"expiresAt":1', ['client skip work']],
    ['it crashed too often', '"crashes":99', ['client deadLetter work (Error)']],
    [
      'its body cannot be read',
      '"zip":"unknown"',
      ['consumer process work (UndecodableError)', '  client deadLetter work (UndecodableError)'],
    ],
  ])('and if no handler ran: %s', async (_, field, expected) => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const front = field.startsWith('"crashes') ? `${field},` : '';
    const back = front === '' ? `,${field}` : '';
    const header = `{"rq":1,${front}"id":"m"${back},"headers":{"traceparent":"${traceparent}"}}`;
    await rig.commands.rpush(rig.queue('work').waitingKey, `${header}\n{}`);

    await serve([controllerOf('work', nothing)]);

    await expectTrees(expected);
    expect(spans.spans.map((span) => span.spanContext().traceId)).toEqual(
      expected.map(() => '0af7651916cd43dd8448eb211c80319c'),
    );
  });

  test('and ends at its deadline, or as handed back at a shutdown', async () => {
    const begun = new Gate<void>();
    const end = new Gate<void>();
    const app = await serve(
      [
        controllerOf('late', () => end.opened, {
          options: { timeoutMs: 50, retry: { attempts: 1 } },
        }),
        controllerOf('work', () => {
          begun.open();
          return end.opened;
        }),
      ],
      { shutdownTimeoutMs: 0 },
    );
    const sender = client();

    await sender.enqueue('late', 1);
    await eventually(() => expect(spans.named('deadLetter late')).toHaveLength(1));
    await sender.enqueue('work', 1);
    await begun.opened;
    await app.close();
    end.open();

    await expectTrees([
      'producer enqueue late',
      '  consumer process late (HandlerTimeoutError)',
      '    client deadLetter late (HandlerTimeoutError)',
      'producer enqueue work',
      '  consumer process work',
      '    client release work',
    ]);
  });
});

describe('several messages together', () => {
  test('that are sent by one call have one span', async () => {
    await serve([controllerOf('work', nothing)]);

    await spans.within('caller', () => client().enqueueMany('work', [1, 2, 3]));

    await eventually(() => expect(spans.spans).toHaveLength(8));
    expect(spans.trees.slice(0, 2)).toEqual(['caller', '  producer enqueue work']);
    expect(spans.named('enqueue')[0]?.attributes).toMatchObject({
      'messaging.batch.message_count': 3,
    });
    expect(spans.named('enqueue')[0]?.attributes).not.toHaveProperty('messaging.message.id');
    expect(
      spans.named('process').map(({ parentSpanContext }) => parentSpanContext?.spanId),
    ).toEqual(Array(3).fill(spans.named('enqueue')[0]?.spanContext().spanId));
  });

  test('some of which cannot be sent make their span fail, which counts those that were sent', async () => {
    const sender = client({ maxPayloadBytes: 100 });

    const sending = spans.within('caller', () =>
      sender.enqueueMany('work', [1, 'x'.repeat(200), 2]),
    );
    await expect(sending).rejects.toThrow();

    // A message that is too large was never made.
    await expectTrees(['caller', '  producer enqueue work']);
    expect(spans.named('enqueue')[0]?.attributes['messaging.batch.message_count']).toBe(2);
  });

  test('that are handled as a batch have one span, with links to those of their senders', async () => {
    await serve([batchControllerOf('work', { batch: { size: 3, waitMs: 60_000 } }, nothing)]);
    const sender = client();

    for (const name of ['a', 'b', 'c'])
      await spans.within(name, () => sender.enqueue('work', name));

    await expectTrees([
      'a',
      '  producer enqueue work',
      'b',
      '  producer enqueue work',
      'c',
      '  producer enqueue work',
      'consumer process work',
      '  client ack work',
    ]);
    const [process] = spans.named('process');
    expect(process?.links.map(({ context }) => context.spanId)).toEqual(
      spans.named('enqueue').map((span) => span.spanContext().spanId),
    );
    expect(process?.attributes).toEqual({
      'messaging.system': 'redis_queue',
      'messaging.destination.name': 'work',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.batch.message_count': 3,
    });
    expect(spans.named('ack')[0]?.attributes['messaging.batch.message_count']).toBe(3);
  });

  test('that are a batch of one sender stay in its trace', async () => {
    await serve([batchControllerOf('work', { batch: { size: 3, waitMs: 60_000 } }, nothing)]);

    await spans.within('caller', () => client().enqueueMany('work', [1, 2, 3]));

    await expectTrees([
      'caller',
      '  producer enqueue work',
      '    consumer process work',
      '      client ack work',
    ]);
  });

  test('one of which is settled differently have a span for each outcome', async () => {
    const controller = batchControllerOf(
      'work',
      { batch: { size: 3, waitMs: 60_000 }, retry: { attempts: 1 } },
      (_, { items }) => items[1]?.fail(new RangeError('one of them')),
    );
    await serve([controller]);

    await spans.within('caller', () => client().enqueueMany('work', [1, 2, 3]));

    // Either may be settled first.
    await eventually(() =>
      expect(spans.trees.toSorted()).toEqual([
        '      client ack work',
        '      client deadLetter work (RangeError)',
        '    consumer process work (RangeError)',
        '  producer enqueue work',
        'caller',
      ]),
    );
    expect(spans.named('ack')[0]?.attributes['messaging.batch.message_count']).toBe(2);
  });
});

describe('events that come later', () => {
  test('from a history stay in the trace in which they were emitted, and so do replays', async () => {
    const sender = client({ declare: { happened: { history: { maxLength: 10 } } } });
    await spans.within('caller', () => sender.emit('happened', 1));

    await serve([eventControllerOf('happened', nothing, { group: 'g', from: 'earliest' })]);
    await eventually(() => expect(spans.named('ack')).toHaveLength(1));
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    expect(await admin.replay('happened', 'g')).toBe(1);

    await expectTrees([
      'caller',
      '  producer emit happened',
      '    consumer process happened',
      '      client ack happened',
      '    consumer process happened',
      '      client ack happened',
    ]);
  });
});

describe('what fails', () => {
  test.each<[string, () => Promise<unknown>, readonly string[]]>([
    [
      'a request that nobody serves',
      () => firstValueFrom(client().send('nobody', 1)),
      ['producer send nobody (NoHandlerError)'],
    ],
    [
      'a header that is too large',
      async () => client().enqueue('work', 1, { headers: { a: 'x'.repeat(100_000) } }),
      ['producer enqueue work (HeaderTooLargeError)'],
    ],
    [
      'an event for nobody',
      async () => client().emit('happened', 1, { isMandatory: true }),
      ['producer emit happened (NobodyListensError)'],
    ],
    [
      'no Redis to connect to',
      async () =>
        client({ connection: { host: '127.0.0.1', port: 1 }, connectTimeoutMs: 50 }).enqueue(
          'work',
          1,
        ),
      ['producer enqueue work (RedisUnavailableError)'],
    ],
  ])('has the kind of its error: %s', async (_, call, expected) => {
    await expect(call()).rejects.toThrow();

    await expectTrees(expected);
  });

  test('a request whose handler throws: at its caller too', async () => {
    await serve([controllerOf('ask', fail)]);

    await expect(firstValueFrom(client().send('ask', 1))).rejects.toBeDefined();

    await expectTrees([
      'producer send ask (_OTHER)',
      '  consumer process ask (TypeError)',
      '    client ack ask',
    ]);
  });

  test('a handler of live events', async () => {
    await serve([eventControllerOf('happened', fail)]);

    await client().emit('happened', 1);

    await expectTrees(['producer emit happened', '  consumer process happened (TypeError)']);
  });

  test('says nothing about data, headers and error messages', async () => {
    const secret = 'hunter2';
    const failWith = (data: unknown): never => {
      const error = new Error(`cannot read ${JSON.stringify(data)}`);
      error.name = `Error of ${secret}`;
      throw error;
    };
    await serve(
      [
        controllerOf('work', failWith),
        controllerOf('ask', failWith),
        eventControllerOf('happened', failWith),
        batchControllerOf('batch', { batch: { size: 2 } }, failWith),
      ],
      { retry: { attempts: 1 } },
    );
    const sender = client();
    const options = { headers: { authorization: secret } };

    await sender.enqueue('work', { password: secret }, options);
    await sender.enqueueMany('batch', [secret, secret], options);
    await sender.emit('happened', secret, options);
    await expect(lastValueFrom(sender.send('ask', secret, options))).rejects.toBeDefined();

    await eventually(() => expect(spans.named('process').length).toBeGreaterThanOrEqual(4));
    await eventually(() => expect(spans.named('deadLetter').length).toBeGreaterThanOrEqual(2));
    const texts = spans.spans.map(({ name, attributes, events, status, links }) =>
      JSON.stringify({ name, attributes, events, status, links }),
    );
    expect(texts.filter((text) => text.includes(secret))).toEqual([]);
  });
});

describe('no span', () => {
  test('is made for a message that is only held ready, nor when it is handed back', async () => {
    const begun = new Gate<void>();
    const end = new Gate<void>();
    const handle = (): Promise<void> => {
      begun.open();
      return end.opened;
    };
    const options = { concurrency: 1, prefetch: 10 };
    const app = await serve([controllerOf('work', handle, { options })]);
    await client().enqueueMany(
      'work',
      Array.from({ length: 10 }, (_, i) => i),
    );
    await eventually(async () => expect(await rig.queue('work').held()).toBe(10));
    await begun.opened;

    const closing = app.close();
    end.open();
    await closing;

    await expectTrees(['producer enqueue work', '  consumer process work', '    client ack work']);
  });
});

test('several replies and a void handler leave nothing open', async () => {
  await serve([controllerOf('values', () => of(1, 2, 3)), controllerOf('none', nothing)]);
  const sender = client();

  expect(await lastValueFrom(sender.send('values', 1))).toBe(3);
  await lastValueFrom(sender.send('none', 1), { defaultValue: undefined });

  await expectTrees([
    'producer send values',
    '  consumer process values',
    '    client ack values',
    'producer send none',
    '  consumer process none',
    '    client ack none',
  ]);
});
