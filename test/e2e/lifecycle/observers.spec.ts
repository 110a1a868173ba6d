import { AsyncLocalStorage } from 'node:async_hooks';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import {
  OutcomeUnknownError,
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueModule,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import type {
  HandlerEnd,
  ObservedDelivery,
  ObservedMessage,
  RedisQueueContext,
  RedisQueueObserver,
} from 'nestjs-redis-queue-transport';
import { firstValueFrom, interval, lastValueFrom, of } from 'rxjs';
import { batchControllerOf } from '../batches/controller.js';
import { isPush } from '../../faults/commands.js';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';

const rig = nestRig();

/** Notes what it is told. Deliveries and messages are noted by their ids. */
class Notes implements RedisQueueObserver {
  readonly lines: string[] = [];
  readonly begun: ObservedDelivery[] = [];
  readonly ends: HandlerEnd[] = [];

  began(delivery: ObservedDelivery): void {
    this.begun.push(delivery);
    this.lines.push(`began ${delivery.id}`);
  }

  ended(delivery: ObservedDelivery, end: HandlerEnd): void {
    this.ends.push(end);
    const isKnown = this.begun.includes(delivery) ? '' : ' of another object';
    this.lines.push(`ended ${delivery.id} ${end.outcome}${isKnown}`);
  }

  settled({ id }: ObservedDelivery, as: string): void {
    this.lines.push(`settled ${id} ${as}`);
  }

  retried({ id }: ObservedDelivery): void {
    this.lines.push(`retried ${id}`);
  }

  postponed({ id }: ObservedDelivery, { delayMs }: { readonly delayMs: number }): void {
    this.lines.push(`postponed ${id} ${delayMs}`);
  }

  deadLettered({ id }: ObservedDelivery, { reason }: { readonly reason: string }): void {
    this.lines.push(`deadLettered ${id} ${reason}`);
  }

  skipped({ id }: ObservedDelivery, why: string): void {
    this.lines.push(`skipped ${id} ${why}`);
  }

  eventFailed({ id }: ObservedDelivery, error: unknown): void {
    this.lines.push(`eventFailed ${id} ${String(error)}`);
  }

  sent({ verb, queue, id }: ObservedMessage): void {
    this.lines.push(`sent ${verb} ${queue} ${id}`);
  }

  sendFailed({ verb, queue }: ObservedMessage, { error }: { readonly error: unknown }): void {
    this.lines.push(`sendFailed ${verb} ${queue} ${(error as Error).name}`); // an error of the library
  }

  replied({ id }: ObservedMessage, { error }: { readonly error: unknown }): void {
    this.lines.push(`replied ${id} ${error === undefined ? 'well' : JSON.stringify(error)}`);
  }

  abandoned({ id }: ObservedMessage): void {
    this.lines.push(`abandoned ${id}`);
  }
}

/** The place where the caller or the handler runs. */
const place = new AsyncLocalStorage<string>();

describe('an observer of a server', () => {
  test('follows a message from its beginning to its settling, and through a retry', async () => {
    const notes = new Notes();
    let runs = 0;
    const controller = controllerOf('work', () => {
      runs += 1;
      if (runs === 1) throw new Error('not yet');
    });
    await rig.serve(
      { controllers: [controller] },
      { observers: [notes], retry: { attempts: 2, delayMs: 0 } },
    );

    await rig.client().enqueue('work', {}, { id: 'm' });

    await eventually(() => expect(notes.lines).toContain('settled m ack'));
    expect(notes.lines).toEqual([
      'began m',
      'ended m retry',
      'retried m',
      'settled m retry',
      'began m',
      'ended m ack',
      'settled m ack',
    ]);
    expect(notes.begun).toMatchObject([
      { queue: 'work', attempt: 1, isLive: false },
      { queue: 'work', attempt: 2 },
    ]);
    expect(String(notes.ends[0]?.error)).toContain('not yet');
    expect(notes.ends.every(({ durationMs, counts }) => durationMs >= 0 && counts)).toBe(true);
  });

  test('hears how messages are postponed, dead-lettered or expire', async () => {
    const notes = new Notes();
    let runs = 0;
    const controller = controllerOf('work', () => {
      runs += 1;
      if (runs === 1) throw new RetryLater({ delayMs: 10 });
      throw new Error('never');
    });
    const late = '{"rq":1,"id":"late","expiresAt":1}\n{}';
    await rig.commands.rpush(rig.queue('work').waitingKey, late);
    await rig.serve({ controllers: [controller] }, { observers: [notes], retry: { attempts: 1 } });
    await eventually(() =>
      expect(notes.lines).toEqual(['skipped late expired', 'settled late skip']),
    );

    await rig.client().enqueue('work', {}, { id: 'm' });

    await eventually(() => expect(notes.lines).toContain('settled m deadLetter'));
    expect(notes.lines.slice(2)).toEqual([
      'began m',
      'ended m postpone',
      'postponed m 10',
      'settled m retry',
      'began m',
      'ended m deadLetter',
      'deadLettered m handlerFailed',
      'settled m deadLetter',
    ]);
  });

  test('hears of each message of a batch when the batch begins, and when it ends', async () => {
    const notes = new Notes();
    const controller = batchControllerOf('work', { batch: { size: 2, waitMs: 60_000 } }, () => {
      notes.lines.push('the handler');
    });
    await rig.serve({ controllers: [controller] }, { observers: [notes] });
    const client = rig.client();

    await client.enqueue('work', 1, { id: 'a' });
    await client.enqueue('work', 2, { id: 'b' });

    await eventually(() => expect(notes.lines).toHaveLength(7));
    expect(notes.lines.slice(0, 3)).toEqual(['began a', 'began b', 'the handler']);
    expect([...notes.lines.slice(3)].sort()).toEqual([
      'ended a ack',
      'ended b ack',
      'settled a ack',
      'settled b ack',
    ]);
  });

  test('hears of a live event for each of its handlers, and of those that failed', async () => {
    const notes = new Notes();
    const controllers = [
      eventControllerOf('happened', () => undefined),
      eventControllerOf('happened', () => {
        throw new Error('of a handler');
      }),
    ];
    await rig.serve({ controllers }, { observers: [notes] });

    await rig.client().emit('happened', {}, { id: 'e' });

    await eventually(() => expect(notes.lines).toHaveLength(5));
    expect([...notes.lines].sort()).toEqual([
      'began e',
      'began e',
      'ended e ack',
      'ended e ack',
      'eventFailed e Error: of a handler',
    ]);
    expect(notes.begun).toMatchObject([
      { queue: 'happened', pattern: 'happened', isLive: true },
      { isLive: true },
    ]);
    expect(new Set(notes.begun).size).toBe(2);
  });

  test('hears of a durable event as of a message, with the name under which it was emitted', async () => {
    const notes = new Notes();
    const controller = eventControllerOf('user.*', () => undefined, { durable: true });
    await rig.serve({ controllers: [controller] }, { observers: [notes], group: 'mail' });

    await rig.client().emit('user.created', {}, { id: 'e' });

    await eventually(() => expect(notes.lines).toContain('settled e ack'));
    expect(notes.begun).toMatchObject([
      { queue: '@mail/user.*', pattern: 'user.created', isLive: false },
    ]);
  });

  test('hears what the handler of a failed request threw', async () => {
    const notes = new Notes();
    const controller = controllerOf('ask', () => {
      throw new Error('of a handler');
    });
    const untold: unknown[] = [];
    const observers = [notes, { failedUntold: (_: unknown, error: unknown) => untold.push(error) }];
    await rig.serve({ controllers: [controller] }, { observers });

    await expect(firstValueFrom(rig.client().send('ask', {}))).rejects.toBeDefined();

    await eventually(() => expect(notes.ends).toHaveLength(1));
    expect(notes.ends[0]).toMatchObject({ outcome: 'ack', counts: true });
    expect([notes.ends[0]?.error, ...untold].map(String)).toEqual([
      'Error: of a handler',
      'Error: of a handler',
    ]);
  });

  test('hears that the end of a handler does not count if its message was handed back before', async () => {
    const notes = new Notes();
    const end = new Gate<void>();
    const app = await rig.serve(
      { controllers: [controllerOf('work', () => end.opened)] },
      { observers: [notes], shutdownTimeoutMs: 0 },
    );
    await rig.client().enqueue('work', {}, { id: 'm' });
    await eventually(() => expect(notes.lines).toEqual(['began m']));

    await app.close();
    end.open();

    await eventually(() => expect(notes.ends).toMatchObject([{ outcome: 'ack', counts: false }]));
    expect(notes.lines).toEqual(['began m', 'settled m release', 'ended m ack']);
  });

  test.each<[string, () => void]>([
    [
      'throws',
      () => {
        throw new Error('of an observer');
      },
    ],
    ['is async and rejects', () => Promise.reject(new Error('of an observer'))],
  ])('that %s is logged, and has no effect', async (_, began) => {
    const notes = new Notes();
    const controller = controllerOf('work', () => undefined);
    await rig.serve({ controllers: [controller] }, { observers: [{ began }, notes] });

    await rig.client().enqueue('work', {}, { id: 'm' });

    await eventually(() => expect(notes.lines).toContain('settled m ack'));
    const failed = /An observer failed in began\(\): Error: of an observer/;
    expect(rig.logs.matching('error', failed)).toHaveLength(1);
  });
});

describe('an observer that runs handlers', () => {
  const KINDS = ['message', 'request', 'durable event', 'live event', 'batch'] as const;
  type Kind = (typeof KINDS)[number];

  const CONTROLLERS: Record<Kind, (handler: (data: unknown) => unknown) => Type> = {
    message: (handler) => controllerOf('message', handler),
    request: (handler) => controllerOf('request', handler),
    'durable event': (handler) => eventControllerOf('durable event', handler, { group: 'g' }),
    'live event': (handler) => eventControllerOf('live event', handler),
    batch: (handler) => batchControllerOf('batch', { batch: { size: 2, waitMs: 60_000 } }, handler),
  };
  const SENDERS: Record<Kind, (client: RedisQueueClient) => Promise<unknown>> = {
    message: async (client) => client.enqueue('message', 1, { id: 'a' }),
    request: (client) => lastValueFrom(client.send('request', 1, { id: 'a' })),
    'durable event': async (client) => client.emit('durable event', 1, { id: 'a' }),
    'live event': async (client) => client.emit('live event', 1, { id: 'a' }),
    batch: async (client) => {
      await client.enqueue('batch', 1, { id: 'a' });
      await client.enqueue('batch', 2, { id: 'b' });
    },
  };

  test.each(KINDS)('gives a %s its context, from its hooks and guards to its end', async (kind) => {
    const seen: (string | undefined)[] = [];
    const run = (deliveries: readonly ObservedDelivery[], next: () => void): void => {
      place.run(deliveries.map(({ id }) => id).join(), next);
    };
    const controller = CONTROLLERS[kind](async () => {
      seen.push(place.getStore());
      await new Promise(setImmediate);
      seen.push(place.getStore());
      return 'done';
    });
    const notes = new Notes();
    const server = rig.strategy({ observers: [{ run }, notes] });
    // Typed as returning nothing, a hook may still return a promise.
    const hook = (_: unknown, __: unknown, done: () => Promise<void>): unknown => {
      seen.push(place.getStore());
      return done();
    };
    server.setOnProcessingStartHook(hook);
    const app = await rig.microservice({ controllers: [controller] }, server);
    await app.listen();

    await SENDERS[kind](rig.client());

    await eventually(() => expect(notes.ends).toHaveLength(kind === 'batch' ? 2 : 1));
    const name = kind === 'batch' ? 'a,b' : 'a';
    expect(seen).toEqual([name, name, name]);
    expect(notes.ends.map(({ outcome }) => outcome)).toEqual(notes.ends.map(() => 'ack'));
  });

  test('runs the next handler outside of the context of the one before', async () => {
    const before: (string | undefined)[] = [];
    const run = ([delivery]: readonly ObservedDelivery[], next: () => void): void => {
      before.push(place.getStore());
      place.run(delivery?.id ?? '', next);
    };
    const controller = controllerOf('work', () => undefined);
    const notes = new Notes();
    await rig.serve({ controllers: [controller] }, { observers: [{ run }, notes] });

    for (const id of ['a', 'b', 'c']) await rig.client().enqueue('work', 1, { id });

    await eventually(() => expect(notes.ends).toHaveLength(3));
    expect(before).toEqual([undefined, undefined, undefined]);
  });

  test('that fails is logged, and the handler runs', async () => {
    const run = (): void => {
      throw new Error('of an observer');
    };
    const notes = new Notes();
    const controllers = [controllerOf('work', () => undefined)];
    await rig.serve({ controllers }, { observers: [{ run }, notes] });

    await rig.client().enqueue('work', {}, { id: 'm' });

    await eventually(() => expect(notes.lines).toContain('settled m ack'));
    const failed = /An observer failed in run\(\): Error: of an observer/;
    expect(rig.logs.matching('error', failed)).toHaveLength(1);
  });
});

describe('an observer that adds headers', () => {
  /** Adds a header that says where and for which verb it was called. */
  const adding: RedisQueueObserver = {
    sending: ({ verb, many }) => ({
      from: `${place.getStore()} ${verb}${many === undefined ? '' : ' many'}`,
    }),
  };
  const heard: (Readonly<Record<string, string>> | undefined)[] = [];
  const CALLS: readonly [string, (client: RedisQueueClient) => PromiseLike<unknown>, string[]][] = [
    ['enqueue', (client) => client.enqueue('work', 1), ['enqueue']],
    [
      'enqueue, once due',
      (client) => client.enqueue('work', 1, { deliverAt: new Date(0) }),
      ['enqueue'],
    ],
    [
      'enqueueMany',
      (client) => client.enqueueMany('work', [1, 2]),
      ['enqueue many', 'enqueue many'],
    ],
    ['send', (client) => lastValueFrom(client.send('work', 1)), ['send']],
    ['emit', (client) => client.emit('happened', 1), ['emit', 'emit']],
    [
      'emitMany',
      (client) => client.emitMany('happened', [1, 2]),
      ['emit many', 'emit many', 'emit many', 'emit many'],
    ],
  ];

  beforeEach(() => {
    heard.length = 0;
  });

  const note = (_: unknown, context: RedisQueueContext): string => {
    heard.push(context.getHeaders());
    return 'heard';
  };

  async function serve(): Promise<void> {
    const controllers = [
      controllerOf('work', note),
      eventControllerOf('happened', note),
      eventControllerOf('happened', note, { group: 'g' }),
    ];
    await rig.serve({ controllers });
  }

  describe.each(['before', 'after'])('%s the client is connected', (when) => {
    test.each(CALLS)('adds them in the context of the caller: %s', async (_, call, expected) => {
      await serve();
      const client = rig.client({ observers: [adding], headers: { tenant: 'acme' } });
      if (when === 'after') await client.connect();

      await place.run('caller', () => call(client));

      await eventually(() => expect(heard).toHaveLength(expected.length));
      expect(heard).toEqual(expected.map((verb) => ({ tenant: 'acme', from: `caller ${verb}` })));
    });
  });

  test('replaces headers with that name, and leaves those of the record as they are', async () => {
    await serve();
    const headers = { from: 'the user', a: '1' };

    await rig.client({ observers: [adding] }).enqueue('work', 1, { headers });

    await eventually(() => expect(heard).toEqual([{ a: '1', from: 'undefined enqueue' }]));
    expect(headers).toEqual({ from: 'the user', a: '1' });
  });

  test('that fails is logged, and the message is sent without', async () => {
    await serve();
    const sending = (): never => {
      throw new Error('of an observer');
    };

    await rig.client({ observers: [{ sending }] }).enqueue('work', 1);

    await eventually(() => expect(heard).toEqual([{}]));
    const failed = /An observer failed in sending\(\): Error: of an observer/;
    expect(rig.logs.matching('error', failed)).toHaveLength(1);
  });
});

describe('each message that is about to be sent', () => {
  /** What was reported about each message, by id. */
  class Ends implements RedisQueueObserver {
    readonly of = new Map<string, string[]>();

    sending({ id }: ObservedMessage): undefined {
      this.of.set(id, []);
    }

    sent({ id }: ObservedMessage): void {
      this.of.get(id)?.push('sent');
    }

    sendFailed({ id }: ObservedMessage): void {
      this.of.get(id)?.push('sendFailed');
    }

    replied({ id }: ObservedMessage): void {
      this.of.get(id)?.push('replied');
    }

    abandoned({ id }: ObservedMessage): void {
      this.of.get(id)?.push('abandoned');
    }
  }

  const tooLarge = { headers: { a: 'x'.repeat(100_000) } };
  const fails = async (call: PromiseLike<unknown>): Promise<void> => {
    await expect(Promise.resolve(call)).rejects.toBeDefined();
  };

  test.each<[string, (client: RedisQueueClient) => Promise<void>]>([
    ['a header that is too large', (client) => fails(client.enqueue('work', 1, tooLarge))],
    [
      'such a header in one of several messages',
      (client) => fails(client.enqueueMany('work', [1, 2], tooLarge)),
    ],
    ['such a header in an event', (client) => fails(client.emit('happened', 1, tooLarge))],
    [
      'a closed client',
      async (client) => {
        await client.onApplicationShutdown();
        await fails(client.enqueue('work', 1));
        await fails(client.enqueueMany('work', [1, 2]));
        await fails(client.emit('happened', 1));
      },
    ],
  ])('ends as failed, once, even after %s', async (_, call) => {
    for (const isConnected of [true, false]) {
      const ends = new Ends();
      const client = rig.client({ observers: [ends] });
      if (isConnected) await client.connect();

      await call(client);

      expect(ends.of.size).toBeGreaterThan(0);
      expect([...ends.of.values()].flat()).toEqual(Array(ends.of.size).fill('sendFailed'));
    }
  });

  test('ends as failed if there is no Redis to connect to', async () => {
    const ends = new Ends();
    const connection = { host: '127.0.0.1', port: 1 };
    const client = rig.client({ connection, connectTimeoutMs: 50, observers: [ends] });

    await fails(client.enqueue('work', 1));
    await fails(client.enqueueMany('work', [1, 2]));

    expect([...ends.of.values()]).toEqual([['sendFailed'], ['sendFailed'], ['sendFailed']]);
  });

  test.each<[string, (client: RedisQueueClient) => Promise<unknown>, string]>([
    ['replied, if it was answered', (client) => lastValueFrom(client.send('ask', 1)), 'replied'],
    [
      'replied, if its first value was the only one',
      (client) => firstValueFrom(client.send('ask', 1)),
      'replied',
    ],
    [
      'replied, if nobody serves it',
      (client) => fails(lastValueFrom(client.send('nobody', 1))),
      'replied',
    ],
    [
      'replied, if its header is too large',
      (client) => fails(lastValueFrom(client.send('ask', 1, tooLarge))),
      'replied',
    ],
    [
      'abandoned, if its caller wanted only one of several values',
      (client) => firstValueFrom(client.send('values', 1)),
      'abandoned',
    ],
    [
      'abandoned, if its caller left at once',
      async (client) => client.send('ask', 1).subscribe().unsubscribe(),
      'abandoned',
    ],
  ])('that is a request ends as %s', async (_, call, end) => {
    rig.mayRemain(/:\{reply:.*}:(replies|refused)$/); // ids of abandoned requests, for a minute
    const controllers = [
      controllerOf('ask', (data) => data),
      controllerOf('values', () => interval(1)),
    ];
    await rig.serve({ controllers });
    for (const isConnected of [true, false]) {
      const ends = new Ends();
      const client = rig.client({ observers: [ends] });
      if (isConnected) await client.connect();

      await call(client);

      const told = [...ends.of.values()].flat().filter((one) => !one.startsWith('sen'));
      expect(told).toEqual([end]);
    }
  });
});

describe('an observer of a client', () => {
  test('hears what is sent, one by one and many at once', async () => {
    const notes = new Notes();
    const client = rig.client({ observers: [notes] });

    await client.enqueue('work', {}, { id: 'a' });
    await client.emit('happened', {}, { id: 'b' });
    await client.enqueueMany('work', [1, 2]);

    expect(notes.lines.slice(0, 2)).toEqual(['sent enqueue work a', 'sent emit happened b']);
    expect(notes.lines.slice(2)).toEqual([
      expect.stringMatching(/^sent enqueue work /),
      expect.stringMatching(/^sent enqueue work /),
    ]);
  });

  test('hears of a request when it is sent, and when its last reply has arrived', async () => {
    const notes = new Notes();
    await rig.serve({ controllers: [controllerOf('ask', () => of(1, 2))] });
    const client = rig.client({ observers: [notes] });

    expect(await lastValueFrom(client.send('ask', {}, { id: 'r' }))).toBe(2);

    // A reply may arrive before the answer that says that its request was sent.
    await eventually(() =>
      expect([...notes.lines].sort()).toEqual(['replied r well', 'sent send ask r']),
    );
  });

  test('hears of a request that failed', async () => {
    const notes = new Notes();
    const client = rig.client({ observers: [notes], requestTimeoutMs: 1 });
    const server = controllerOf('ask', () => new Promise(() => undefined), {
      options: { timeoutMs: 50 },
    });
    await rig.serve({ controllers: [server] });

    await expect(firstValueFrom(client.send('ask', {}, { id: 'r' }))).rejects.toBeDefined();

    await eventually(() => expect(notes.lines.at(-1)).toMatch(/^replied r \{/));
  });

  test('hears what could not be sent, or may not have been', async () => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const notes = new Notes();
    const client = rig.closeLater(
      new RedisQueueClient(rig.clientOptions({ connection: proxy.url, observers: [notes] })),
    );
    await client.connect();
    proxy.dropReply(isPush);

    await expect(client.enqueue('work', {})).rejects.toBeInstanceOf(OutcomeUnknownError);

    expect(notes.lines).toEqual(['sendFailed enqueue work OutcomeUnknownError']);
  });
});

describe('an observer of a RedisQueueAdmin', () => {
  /** Two dead letters: one from a client, and one that another program pushed as plain data. */
  async function makeDeadLetters(): Promise<void> {
    const controller = controllerOf('work', () => {
      throw new Error('of a handler');
    });
    const app = await rig.serve({ controllers: [controller] }, { retry: { attempts: 1 } });
    await rig
      .client()
      .enqueue('work', 1, { id: 'a', headers: { tenant: 'acme', from: 'the user' } });
    await rig.commands.rpush(rig.queue('work').waitingKey, '{}');
    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(2));
    await app.close();
  }

  test('hears what is redriven, and adds headers to it', async () => {
    await makeDeadLetters();
    const notes = new Notes();
    const adding = { sending: ({ verb }: ObservedMessage) => ({ from: `Söhne, by ${verb}` }) };
    const observers = [notes, adding];
    const admin = rig.closeLater(new RedisQueueAdmin({ ...rig.clientOptions(), observers }));

    expect(await admin.redriveAll('work')).toBe(2);

    // Plain data have no id, and no header to add to.
    expect(notes.lines).toEqual(['sent redrive work a']);
    const [first, second] = await admin.peek('work');
    expect(first).toMatchObject({
      id: 'a',
      headers: { tenant: 'acme', from: 'Söhne, by redrive' },
    });
    expect(first?.headers).toHaveProperty('dead-letter-history');
    expect(second).toMatchObject({ id: undefined, data: {} });
  });

  test('hears what could not be redriven', async () => {
    await makeDeadLetters();
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const notes = new Notes();
    const options = { ...rig.clientOptions({ connection: proxy.url }), observers: [notes] };
    const admin = rig.closeLater(new RedisQueueAdmin(options));
    const { letters } = await admin.deadLetters('work');
    proxy.dropReply((words) => words[0]?.startsWith('EVAL') === true);

    await expect(admin.redrive('work', letters[0]?.entry ?? '')).rejects.toThrow();

    expect(notes.lines).toEqual(['sendFailed redrive work OutcomeUnknownError']);
  });

  test('that fails is logged, and the message is redriven as it is', async () => {
    await makeDeadLetters();
    const sending = (): never => {
      throw new Error('of an observer');
    };
    const options = { ...rig.clientOptions(), observers: [{ sending }] };
    const admin = rig.closeLater(new RedisQueueAdmin(options));

    expect(await admin.redriveAll('work')).toBe(2);

    const failed = /An observer failed in sending\(\): Error: of an observer/;
    expect(rig.logs.matching('error', failed)).toHaveLength(1);
  });
});

test('observers of a module observe its client and its server', async () => {
  const notes = new Notes();
  const module = RedisQueueModule.register({
    ...rig.clientOptions({ observers: [notes] }),
    server: {},
  });
  const app = await rig.application({
    imports: [module],
    controllers: [controllerOf('work', () => undefined)],
  });
  app.connectMicroservice(RedisQueueModule.microservice());
  await app.startAllMicroservices();

  await app.get(RedisQueueClient).enqueue('work', {}, { id: 'm' });

  await eventually(() =>
    expect(notes.lines).toEqual(
      expect.arrayContaining(['sent enqueue work m', 'began m', 'settled m ack']),
    ),
  );
});

describe('the option observers', () => {
  test.each([
    ['not a list', { began: () => undefined }, 'observers must be a list of observers'],
    ['a class in place of an object', [Notes], 'observers[0] must be an object'],
    [
      'an object without any method of an observer',
      [{ begin: () => undefined }],
      'did you mean began?',
    ],
    ['a method that is not a function', [{ began: true }], 'observers[0].began must be a function'],
  ])('refuses %s', (_, observers, text) => {
    const given = { observers } as object;
    expect(() => rig.strategy(given)).toThrow(text);
    expect(() => rig.client(given)).toThrow(text);
  });
});
