import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  InvalidOptionError,
  OutcomeUnknownError,
  RedisQueueAdmin,
  RedisQueueRecordBuilder,
  RedisRefusedError,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueRecord } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';
import type { Match } from '../../support/proxy.js';
import { queueKey } from '../../support/queue-dump.js';
import { controllerOf } from './controller.js';

const rig = nestRig();

const MINUTE = 60_000;

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

function once(id: string, windowMs = MINUTE, data: unknown = id): RedisQueueRecord {
  return new RedisQueueRecordBuilder(data).id(id).deduplicate(windowMs).build();
}

async function serveAndKeep(): Promise<unknown[]> {
  const handled: unknown[] = [];
  await rig.serve({ controllers: [controllerOf('work', (data) => void handled.push(data))] });
  return handled;
}

async function expectLengths(lengths: object): Promise<void> {
  await eventually(async () => expect(await admin.lengths('work')).toMatchObject(lengths));
}

describe('deduplicate', () => {
  test('adds a message with an id once within its window, and says so', async () => {
    const client = rig.client();

    const first = await lastValueFrom(client.enqueue('work', once('a')));
    const again = await lastValueFrom(client.enqueue('work', once('a', MINUTE, 'other data')));
    const other = await lastValueFrom(client.enqueue('work', once('b')));

    expect([first, again, other]).toEqual([
      { id: 'a', isDuplicate: false },
      { id: 'a', isDuplicate: true },
      { id: 'b', isDuplicate: false },
    ]);
    expect((await admin.peek('work')).map(({ data }) => data)).toEqual(['a', 'b']);
  });

  test('applies to every client', async () => {
    expect(await lastValueFrom(rig.client().enqueue('work', once('a')))).toMatchObject({
      isDuplicate: false,
    });
    expect(await lastValueFrom(rig.client().enqueue('work', once('a')))).toMatchObject({
      isDuplicate: true,
    });
    await expectLengths({ waiting: 1 });
  });

  test('applies to each queue by itself', async () => {
    const client = rig.client();

    await lastValueFrom(client.enqueue('work', once('a')));

    const elsewhere = await lastValueFrom(client.enqueue('play', once('a')));
    expect(elsewhere.isDuplicate).toBe(false);
  });

  test('still applies after the message was handled', async () => {
    const handled = await serveAndKeep();
    const client = rig.client();
    await lastValueFrom(client.enqueue('work', once('a')));
    await eventually(() => expect(handled).toEqual(['a']));
    await expectLengths({ processing: 0 });

    const again = await lastValueFrom(client.enqueue('work', once('a')));

    expect(again.isDuplicate).toBe(true);
    await expectLengths({ waiting: 0, processing: 0 });
    expect(handled).toEqual(['a']);
  });

  test('ends with its window', async () => {
    const client = rig.client();
    await lastValueFrom(client.enqueue('work', once('a', 50)));
    expect((await lastValueFrom(client.enqueue('work', once('a', 50)))).isDuplicate).toBe(true);

    await eventually(async () => {
      const again = await lastValueFrom(client.enqueue('work', once('a', MINUTE)));
      expect(again.isDuplicate).toBe(false);
    });

    await expectLengths({ waiting: 2 });
  });

  test('has a window that a duplicate does not prolong', async () => {
    const client = rig.client();
    await lastValueFrom(client.enqueue('work', once('a', 150)));
    let again;
    do again = await lastValueFrom(client.enqueue('work', once('a', MINUTE)));
    while (again.isDuplicate);

    await expectLengths({ waiting: 2 });
  });

  test('works together with a delay', async () => {
    const client = rig.client();
    const record = new RedisQueueRecordBuilder('later').id('a').delay(80).deduplicate(MINUTE);

    const first = await lastValueFrom(client.enqueue('work', record.build()));
    const again = await lastValueFrom(client.enqueue('work', record.build()));
    const now = await lastValueFrom(client.enqueue('work', once('a')));

    expect([first, again, now].map(({ isDuplicate }) => isDuplicate)).toEqual([false, true, true]);
    await expectLengths({ waiting: 0, delayed: 1 });
    const handled = await serveAndKeep();
    await eventually(() => expect(handled).toEqual(['later']));
    expect((await lastValueFrom(client.enqueue('work', record.build()))).isDuplicate).toBe(true);
  });

  test('keeps one of a hundred that are sent at once by several clients', async () => {
    const clients = [rig.client(), rig.client(), rig.client()];

    const results = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        lastValueFrom(clients[n % 3]!.enqueue('work', once('a'))),
      ),
    );

    expect(results.filter(({ isDuplicate }) => !isDuplicate)).toHaveLength(1);
    await expectLengths({ waiting: 1 });
  });

  test('ignores messages that were sent without it', async () => {
    const client = rig.client();
    const plain = new RedisQueueRecordBuilder('plain').id('a').build();

    await lastValueFrom(client.enqueue('work', plain));
    const withIt = await lastValueFrom(client.enqueue('work', once('a')));
    const without = await lastValueFrom(client.enqueue('work', plain));

    expect([withIt.isDuplicate, without.isDuplicate]).toEqual([false, false]);
    await expectLengths({ waiting: 3 });
  });

  test('keeps the order among messages with and without it', async () => {
    const client = rig.client();
    const records = Array.from({ length: 40 }, (_, n) =>
      n % 3 === 0 ? once(`${n}`, MINUTE, n) : n,
    );

    await Promise.all(records.map((record) => lastValueFrom(client.enqueue('work', record))));

    const waiting = await admin.peek('work');
    expect(waiting.map(({ data }) => data)).toEqual(Array.from({ length: 40 }, (_, n) => n));
  });

  test('does not keep ids for longer than their window', async () => {
    await lastValueFrom(rig.client().enqueue('work', once('a', 50)));

    const key = queueKey(rig.prefix, 'work', 'ids');
    await eventually(async () => expect(await rig.commands.exists(key)).toBe(0));
  });

  test.each([0, -1, 1.5, NaN, Infinity])('refuses a window of %p', (windowMs) => {
    const build = (): unknown => new RedisQueueRecordBuilder({}).id('a').deduplicate(windowMs);
    expect(build).toThrow(InvalidOptionError);
    expect(build).toThrow(/^deduplicate must be a whole number of milliseconds ≥ 1, got /);
  });

  test('needs an id', () => {
    const build = (): unknown => new RedisQueueRecordBuilder({}).deduplicate(5).build();
    expect(build).toThrow(InvalidOptionError);
    expect(build).toThrow(expect.objectContaining({ option: 'deduplicate' }));
  });
});

describe('a message that Redis refused', () => {
  test('because of a key of another type can be sent again under its id', async () => {
    const client = rig.client();
    const { waitingKey } = rig.queue('work');
    await rig.commands.set(waitingKey, 'taken by somebody else');
    const refusal: unknown = expect.objectContaining({ reply: 'WRONGTYPE' });
    await expect(lastValueFrom(client.enqueue('work', once('a')))).rejects.toEqual(refusal);
    await rig.commands.del(waitingKey);

    const again = await lastValueFrom(client.enqueue('work', once('a')));

    expect(again.isDuplicate).toBe(false);
    await expectLengths({ waiting: 1 });
  });

  test('because it is full can be sent again under its id', async () => {
    const client = rig.client();
    await lastValueFrom(client.enqueue('work', once('first')));
    await rig.commands.config('SET', 'maxmemory', '1mb');
    try {
      const refused = lastValueFrom(client.enqueue('work', once('a')));
      await expect(refused).rejects.toThrow(RedisRefusedError);
      await expect(refused).rejects.toMatchObject({ reply: 'OOM' });
    } finally {
      await rig.commands.config('SET', 'maxmemory', '0');
    }

    const again = await lastValueFrom(client.enqueue('work', once('a')));

    expect(again.isDuplicate).toBe(false);
    await expectLengths({ waiting: 2 });
  });

  test('is not there, even if others that were sent with it could have been', async () => {
    const client = rig.client();
    await client.connect();
    await rig.commands.set(queueKey(rig.prefix, 'work', 'delayed'), 'taken by somebody else');
    const later = new RedisQueueRecordBuilder('later').id('later').delay(MINUTE).build();

    // In one turn of the event loop, and so in one call.
    const outcomes = await Promise.allSettled([
      lastValueFrom(client.enqueue('work', once('now'))),
      lastValueFrom(client.enqueue('work', later)),
    ]);

    const held = await rig.queue('work').waiting();
    const accepted = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(outcomes[1].status).toBe('rejected');
    expect(held).toHaveLength(accepted.length);
    await rig.commands.del(queueKey(rig.prefix, 'work', 'delayed'));
  });
});

describe('sending again after an unknown outcome', () => {
  /** The script that adds messages with terms of their own. */
  const isHold: Match = (words) =>
    /^EVAL/i.test(words[0] ?? '') &&
    words.slice(3, 3 + Number(words[2])).some((key) => key.endsWith(':ids'));

  test.each([
    ['was lost on its way to Redis', 'dropRequest', false],
    ['was executed, and its answer lost', 'dropReply', true],
  ] as const)('yields one message if the call %s', async (_, fault, wasHeld) => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const client = rig.client({ connection: proxy.url, sendAgainForMs: 0 });
    await client.connect();
    proxy[fault](isHold);

    const failure: unknown = await lastValueFrom(client.enqueue('work', once('a'))).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(OutcomeUnknownError);
    expect(failure).toMatchObject({ code: 'OUTCOME_UNKNOWN', messageId: 'a' });
    const again = await lastValueFrom(client.enqueue('work', once('a')));

    expect(again).toEqual({ id: 'a', isDuplicate: wasHeld });
    await expectLengths({ waiting: 1 });
  });
});

describe('a handler with once', () => {
  async function serveOnce(
    handle: (data: unknown, attempt: number) => unknown,
    windowMs = MINUTE,
  ): Promise<void> {
    const controller = controllerOf('work', (data, context) => handle(data, context.getAttempt()), {
      options: { once: { windowMs }, retry: { backoff: 'fixed', delayMs: 0, attempts: 2 } },
    });
    await rig.serve({ controllers: [controller] });
  }

  const withId = (id: string, data: unknown = id): RedisQueueRecord =>
    new RedisQueueRecordBuilder(data).id(id).build();

  test('does not run a message again if its id was settled, but counts it', async () => {
    const handled: unknown[] = [];
    await serveOnce((data) => handled.push(data));
    const client = rig.client();
    await lastValueFrom(client.enqueue('work', withId('a')));
    await eventually(() => expect(handled).toEqual(['a']));
    await expectLengths({ processing: 0 });

    await lastValueFrom(client.enqueue('work', withId('a', 'again')));
    await lastValueFrom(client.enqueue('work', withId('b')));
    await lastValueFrom(client.enqueue('work', withId('a', 'and again')));

    await expectLengths({ waiting: 0, processing: 0, repeated: 2, dead: 0 });
    expect(handled).toEqual(['a', 'b']);
    expect(rig.logs.matching('debug', /message a of "work": repeated/)).toHaveLength(2);
  });

  test('does so after a restart, and on every server', async () => {
    const handled: unknown[] = [];
    await serveOnce((data) => handled.push(data));
    const client = rig.client();
    await lastValueFrom(client.enqueue('work', withId('a')));
    await expectLengths({ processing: 0, waiting: 0 });
    await eventually(() => expect(handled).toEqual(['a']));

    await serveOnce((data) => handled.push(data));
    for (let n = 0; n < 5; n += 1) await lastValueFrom(client.enqueue('work', withId('a')));

    await expectLengths({ waiting: 0, processing: 0, repeated: 5 });
    expect(handled).toEqual(['a']);
  });

  test('runs an id again after its window', async () => {
    const handled: unknown[] = [];
    await serveOnce((data) => handled.push(data), 50);
    const client = rig.client();
    await lastValueFrom(client.enqueue('work', withId('a')));
    await eventually(() => expect(handled).toHaveLength(1));

    await eventually(async () => {
      await lastValueFrom(client.enqueue('work', withId('a')));
      await expectLengths({ waiting: 0, processing: 0 });
      expect(handled).toHaveLength(2);
    });
  });

  test('runs a message again that failed, since it was not settled', async () => {
    const attempts: number[] = [];
    await serveOnce((_, attempt) => {
      attempts.push(attempt);
      if (attempts.length === 1) throw new Error('failed');
    });

    await lastValueFrom(rig.client().enqueue('work', withId('a')));

    await eventually(() => expect(attempts).toEqual([1, 2]));
    await expectLengths({ waiting: 0, processing: 0, repeated: 0, dead: 0 });
  });

  test('runs a message again that was dead-lettered and redriven', async () => {
    let runs = 0;
    await serveOnce(() => {
      runs += 1;
      if (runs <= 2) throw new Error('failed');
    });
    await lastValueFrom(rig.client().enqueue('work', withId('a')));
    await expectLengths({ dead: 1, processing: 0 });

    expect(await admin.redriveAll('work')).toBe(1);

    await expectLengths({ dead: 0, waiting: 0, processing: 0, repeated: 0 });
    expect(runs).toBe(3);
  });

  test('does not apply to messages without an id', async () => {
    const handled: unknown[] = [];
    await serveOnce((data) => handled.push(data));

    for (let n = 0; n < 3; n += 1)
      await rig.commands.rpush(rig.queue('work').waitingKey, '{"same":1}');

    await eventually(() => expect(handled).toHaveLength(3));
    await expectLengths({ waiting: 0, processing: 0, repeated: 0 });
  });

  test('covers what was settled, not what still runs', async () => {
    const gate = new Gate();
    let running = 0;
    await serveOnce(async () => {
      running += 1;
      await gate.opened;
    });
    const client = rig.client();

    await lastValueFrom(client.enqueue('work', withId('a')));
    await lastValueFrom(client.enqueue('work', withId('a')));

    await eventually(() => expect(running).toBe(2));
    gate.open();
    await expectLengths({ waiting: 0, processing: 0, repeated: 0 });
  });

  test('tells the caller of a repeated request that it was handled before', async () => {
    const handled: unknown[] = [];
    await serveOnce((data) => handled.push(data));
    expect(await lastValueFrom(rig.client().send('work', withId('a')))).toBe(1);

    await expect(lastValueFrom(rig.client().send('work', withId('a')))).rejects.toMatchObject({
      code: 'NOT_HANDLED',
      reason: 'repeated',
    });

    await expectLengths({ repeated: 1 });
    expect(handled).toEqual(['a']);
  });

  test('does not keep ids for longer than its window', async () => {
    await serveOnce(() => undefined, 50);
    await lastValueFrom(rig.client().enqueue('work', withId('a')));
    await expectLengths({ waiting: 0, processing: 0 });

    const key = queueKey(rig.prefix, 'work', 'handled');
    await eventually(async () => expect(await rig.commands.exists(key)).toBe(0));
  });

  test('can be set for a whole server', async () => {
    const handled: unknown[] = [];
    const controller = controllerOf('work', (data) => handled.push(data));
    await rig.serve({ controllers: [controller] }, { once: { windowMs: MINUTE } });
    const client = rig.client();

    await lastValueFrom(client.enqueue('work', withId('a')));
    await eventually(() => expect(handled).toEqual(['a']));
    await expectLengths({ processing: 0 });
    await lastValueFrom(client.enqueue('work', withId('a')));

    await expectLengths({ waiting: 0, processing: 0, repeated: 1 });
  });

  test.each<[object, RegExp]>([
    [{}, /once must be an object that has windowMs/],
    [{ windowMs: 0 }, /windowMs must be a whole number of milliseconds ≥ 1, got 0/],
    [{ window: 5 }, /once must be an object that has windowMs|did you mean windowMs/],
  ])('refuses %j', (options, message) => {
    const make = (): unknown => rig.strategy({ once: options as { windowMs: number } });
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(message);
  });
});
