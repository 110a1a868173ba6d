import { describe, expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import {
  InvalidOptionError,
  RedisQueueAdmin,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import type { EmitResult, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { brief } from '../../support/brief.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { eventControllerOf } from './controller.js';

const rig = nestRig();

const PATTERN = 'order.placed';

function admin(): RedisQueueAdmin {
  return rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
}

/** A client that declares the history of the pattern. */
function keeping(history: { maxLength?: number; maxAgeMs?: number }): RedisQueueClient {
  return rig.client({ declare: { [PATTERN]: { history } } });
}

function emit(client: RedisQueueClient, ...all: unknown[]): Promise<EmitResult[]> {
  return Promise.all(all.map((data) => lastValueFrom(client.emit(PATTERN, data))));
}

describe('a history', () => {
  test('keeps the latest events with numbers, and can be paged through', async () => {
    const results = await emit(keeping({ maxLength: 3 }), 'a', 'b', 'c', 'd');

    const first = await admin().history(PATTERN, { limit: 2 });
    expect(first.events).toMatchObject([
      { number: 2, data: 'b', pattern: PATTERN, historyId: results[1]?.historyId },
      { number: 3, data: 'c' },
    ]);
    const second = await admin().history(PATTERN, { from: first.next });
    expect(second.events).toMatchObject([{ number: 4, data: 'd' }]);
    expect(second.next).toBeUndefined();
  });

  test('is read from a time on, and from nowhere else', async () => {
    await emit(keeping({ maxLength: 3 }), 'a');
    const { events } = await admin().history(PATTERN, { from: new Date(0) });
    expect(events.map(({ data }) => data)).toEqual(['a']);
    expect((await admin().history(PATTERN, { from: new Date('2999-01-01') })).events).toEqual([]);
    const error = await admin()
      .history(PATTERN, { from: 'yesterday' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option: 'from' });
  });

  test('can be paged through from its newest end too, while events are added', async () => {
    const client = keeping({ maxLength: 10 });
    const [a, b] = await emit(client, 'a', 'b', 'c', 'd', 'e');
    const page = { newestFirst: true, limit: 2 };

    const first = await admin().history(PATTERN, page);
    expect(first.events).toMatchObject([
      { number: 5, data: 'e' },
      { number: 4, data: 'd' },
    ]);
    await emit(client, 'f');
    const second = await admin().history(PATTERN, { ...page, from: first.next });
    expect(second.events).toMatchObject([
      { number: 3, data: 'c' },
      { number: 2, data: 'b', historyId: b?.historyId },
    ]);
    expect(second.next).toBe(a?.historyId);
    const last = await admin().history(PATTERN, { ...page, from: second.next });
    expect(last.events).toMatchObject([{ number: 1, data: 'a' }]);
    expect(last.next).toBeUndefined();
  });

  test('is read backwards from a time, with all of its events', async () => {
    const client = keeping({ maxLength: 10 });
    const results = await emit(client, 'a', 'b', 'c');
    // They travel in one call, so most have the same millisecond.
    const lastMs = Number(results[2]?.historyId?.split('-')[0]);
    const newestFirst = true;
    const back = await admin().history(PATTERN, { newestFirst, from: new Date(lastMs) });
    expect(back.events.map(({ data }) => data)).toEqual(['c', 'b', 'a']);
    const before = await admin().history(PATTERN, { newestFirst, from: new Date(1) });
    expect(before.events).toEqual([]);
    const slip = { newestFirst: 'yes' } as unknown as { newestFirst: boolean };
    await expect(admin().history(PATTERN, slip)).rejects.toMatchObject({ option: 'newestFirst' });
  });

  test('drops events that are too old with the next event', async () => {
    const client = keeping({ maxAgeMs: 50 });
    await emit(client, 'old');
    await eventually(async () => {
      await emit(client, 'new');
      const { events } = await admin().history(PATTERN);
      expect(events.map(({ data }) => data)).not.toContain('old');
      expect(events[0]?.number).toBeGreaterThan(1);
    });
  });

  test('of a wildcard keeps all events that match, beside the history of a pattern', async () => {
    const client = rig.client({
      declare: {
        'order.*': { history: { maxLength: 10 } },
        [PATTERN]: { history: { maxLength: 10 } },
      },
    });
    const placed = await lastValueFrom(client.emit(PATTERN, 'a'));
    await lastValueFrom(client.emit('order.paid', 'b'));

    const all = await admin().history('order.*');
    expect(all.events).toMatchObject([
      { pattern: PATTERN, data: 'a' },
      { pattern: 'order.paid', data: 'b' },
    ]);
    const { events } = await admin().history(PATTERN);
    expect(events).toMatchObject([{ data: 'a', historyId: placed.historyId }]);
  });

  test('keeps an event once even if it is sent twice', async () => {
    const client = keeping({ maxLength: 10 });
    const once = new RedisQueueRecordBuilder('a').id('e-1').deduplicate(60_000).build();
    await emit(client, once, once);
    expect((await admin().history(PATTERN)).events).toHaveLength(1);
  });

  test('begins when a handler declares it', async () => {
    const controllers = [
      eventControllerOf(PATTERN, () => undefined, { history: { maxLength: 5 } }),
    ];
    await rig.serve({ controllers });
    const [result] = await emit(rig.client(), 'a');
    expect(result?.historyId).toMatch(/^\d+-\d+$/);
    expect((await admin().groups()).histories).toEqual([{ pattern: PATTERN, maxLength: 5 }]);
  });
});

describe('two histories of one pattern in one server', () => {
  const keepingHandler = (history: object, group?: string): Type =>
    eventControllerOf(PATTERN, () => undefined, { history, group });

  function errorAtStart(controllers: Type[], declared?: object): Promise<unknown> {
    const options = declared === undefined ? {} : { declare: { [PATTERN]: { history: declared } } };
    return rig.serve({ controllers }, options).catch((thrown: unknown) => thrown);
  }

  test.each([
    ['of two handlers', [{ maxLength: 5 }, { maxLength: 6 }], undefined, 'another handler of it'],
    ['of a handler and declare', [{ maxLength: 5 }], { maxLength: 6 }, "the server's declare"],
    ['of which one has more limits', [{ maxAgeMs: 5 }], { maxLength: 6, maxAgeMs: 5 }, 'declare'],
  ])('%s are refused at the start', async (_, histories, declared, whose) => {
    const controllers = histories.map((history, index) => keepingHandler(history, `g${index}`));
    const error = await errorAtStart(controllers, declared);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option: 'history' });
    const shown = [...histories, ...(declared === undefined ? [] : [declared])];
    for (const each of [...shown.map((bounds) => JSON.stringify(bounds).slice(1, -1)), whose])
      expect(String(error)).toContain(each);
    expect((await admin().groups()).histories).toEqual([]);
  });

  test('with the same limits are one', async () => {
    const bounds = { maxLength: 5, maxAgeMs: 60_000 };
    const turned = { maxAgeMs: 60_000, maxLength: 5 };
    const error = await errorAtStart(
      [keepingHandler(bounds), keepingHandler(turned, 'billing')],
      turned,
    );
    expect(error).not.toBeInstanceOf(Error);
    expect((await admin().groups()).histories).toEqual([{ pattern: PATTERN, ...bounds }]);
  });
});

describe('a new group', () => {
  /** Serves a group that begins there. Returns what it hears. */
  async function served(from: Date | string): Promise<unknown[]> {
    const heard: unknown[] = [];
    const options = { group: 'late', from, concurrency: 1 };
    await rig.serve({
      controllers: [eventControllerOf(PATTERN, (data) => heard.push(data), options)],
    });
    return heard;
  }

  test('that begins with the earliest event gets all that are kept, and then new ones', async () => {
    const client = keeping({ maxLength: 100 });
    await emit(client, 'a', 'b');
    const heard = await served('earliest');
    await emit(client, 'c');
    await eventually(() => expect(heard).toEqual(['a', 'b', 'c']));
  });

  test('that begins with an event gets it and later ones', async () => {
    const client = keeping({ maxLength: 100 });
    const [, second] = await emit(client, 'a', 'b', 'c');
    const heard = await served(second!.historyId!);
    await eventually(() => expect(heard).toEqual(['b', 'c']));
  });

  test('that begins at a time gets what was emitted since', async () => {
    const client = keeping({ maxLength: 100 });
    const [first] = await emit(client, 'a');
    const firstMs = Number(first!.historyId!.split('-')[0]);
    // The next event has a later millisecond.
    const second = await eventually(async () => {
      const [result] = await emit(client, 'b');
      expect(Number(result!.historyId!.split('-')[0])).toBeGreaterThan(firstMs);
      return result!;
    });
    const heard = await served(new Date(Number(second.historyId!.split('-')[0])));
    await eventually(() => expect(heard).toContain('b'));
    expect(heard).not.toContain('a');
  });

  test('that begins with new events gets none from the history', async () => {
    const client = keeping({ maxLength: 100 });
    await emit(client, 'a');
    const heard = await served('new');
    await emit(client, 'b');
    await eventually(() => expect(heard).toEqual(['b']));
  });

  test('gets each event once if they are emitted while several replicas start', async () => {
    const client = keeping({ maxLength: 100_000 });
    const before = Array.from({ length: 2_500 }, (_, index) => index);
    await emit(client, ...before);
    const heard: unknown[] = [];
    const options = { group: 'late', from: 'earliest' as const };
    const replica = (): Promise<unknown> =>
      rig.serve({
        controllers: [eventControllerOf(PATTERN, (data) => heard.push(data), options)],
      });

    let emitted = before.length;
    let isStarting = true;
    const starting = Promise.all([replica(), replica()]).finally(() => (isStarting = false));
    while (isStarting) await emit(client, emitted++);
    await starting;
    await emit(client, emitted++);

    await eventually(() => expect(heard).toHaveLength(emitted));
    const expected = Array.from({ length: emitted }, (_, index) => index);
    expect((heard as number[]).toSorted((a, b) => a - b)).toEqual(expected);
  });

  test('goes on where a replica died', async () => {
    const client = keeping({ maxLength: 100 });
    const [, second] = await emit(client, 'a', 'b', 'c');
    // As a step leaves it: earlier events are already in the list, or were handled.
    const cursor = `${rig.prefix}:{order.placed}@late:cursor`;
    await rig.commands.set(cursor, `(${second!.historyId}`);
    const heard = await served('earliest');
    await emit(client, 'd');
    await eventually(() => expect(heard).toEqual(['c', 'd']));
    expect(await rig.commands.exists(cursor)).toBe(0);
  });

  test('that is known does not begin again', async () => {
    const client = keeping({ maxLength: 100 });
    await client.connect();
    await admin().declare(PATTERN, { groups: ['late'] });
    await emit(client, 'a');
    await admin().purge('@late/order.placed');
    const heard = await served('earliest');
    await emit(client, 'b');
    await eventually(() => expect(heard).toEqual(['b']));
  });

  test('that begins in a history that is not kept is refused at the start', async () => {
    const error = await served('earliest').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option: 'from' });
    expect((await admin().groups()).groups).toEqual([]);
  });
});

describe('a replay', () => {
  test('gives a group the requested events again, up to now', async () => {
    const heard: unknown[] = [];
    const client = keeping({ maxLength: 5_000 });
    await client.connect();
    await rig.serve({
      controllers: [eventControllerOf(PATTERN, (data) => heard.push(data), { group: 'billing' })],
    });
    const numbers = Array.from({ length: 2_100 }, (_, index) => index);
    const results = await emit(client, ...numbers);
    await eventually(() => expect(heard).toHaveLength(2_100));
    heard.length = 0;

    const range = { from: results[5]!.historyId!, to: results[2_050]!.historyId! };
    expect(await admin().replay(PATTERN, 'billing', range)).toBe(2_046);

    await eventually(() => expect(heard).toHaveLength(2_046));
    expect((heard as number[]).toSorted((a, b) => a - b)).toEqual(numbers.slice(5, 2_051));
    expect(await admin().replay(PATTERN, 'billing')).toBe(2_100);
    await eventually(() => expect(heard).toHaveLength(4_146));
  });

  test('moves a megabyte with each call, and keeps the order', async () => {
    const client = rig.client({
      compressAboveBytes: false,
      declare: { [PATTERN]: { groups: ['later'], history: { maxLength: 100 } } },
    });
    const large = Array.from({ length: 40 }, (_, n) => `${n} ${'x'.repeat(100_000)}`);
    await emit(client, ...large);
    const tool = admin();
    const queue = `@later/${PATTERN}`;
    await tool.purge(queue);
    await rig.commands.config('RESETSTAT');

    expect(await tool.replay(PATTERN, 'later')).toBe(40);

    const statistics = await rig.commands.info('commandstats');
    const calls = /cmdstat_eval(?:sha)?:calls=(\d+)/g;
    const scripts = [...statistics.matchAll(calls)].map(([, count]) => Number(count));
    expect(scripts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2);
    const replayed = await tool.peek(queue);
    expect(brief(replayed.map(({ data }) => data))).toEqual(brief(large));
    await tool.purge(queue);
  });

  test('is skipped by a handler with `once`', async () => {
    const heard: unknown[] = [];
    const client = keeping({ maxLength: 100 });
    await client.connect();
    const options = { group: 'billing', once: { windowMs: 60_000 } };
    await rig.serve({
      controllers: [eventControllerOf(PATTERN, (data) => heard.push(data), options)],
    });
    await emit(client, 'a');
    await eventually(async () => {
      expect(heard).toEqual(['a']);
      expect((await admin().lengths('@billing/order.placed')).processing).toBe(0);
    });

    expect(await admin().replay(PATTERN, 'billing')).toBe(1);

    await eventually(async () =>
      expect(await admin().lengths('@billing/order.placed')).toMatchObject({
        repeated: 1,
        waiting: 0,
        processing: 0,
      }),
    );
    expect(heard).toEqual(['a']);
  });

  test('to a group that does not get these events is refused', async () => {
    await expect(admin().replay(PATTERN, 'billing')).rejects.toThrow(InvalidOptionError);
  });

  test('of events without a history is refused', async () => {
    await admin().declare(PATTERN, { groups: ['billing'] });
    const error = await admin()
      .replay(PATTERN, 'billing')
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option: 'pattern' });
  });

  test.each([{ from: 'yesterday' }, { to: 'earliest' }, { to: new Date('never') }])(
    'of an invalid range is refused: %p',
    async (range) => {
      await expect(admin().replay(PATTERN, 'billing', range)).rejects.toThrow(InvalidOptionError);
    },
  );

  test('with a misspelt name in its range is refused, since it would be one of everything', async () => {
    const range = { form: new Date() } as object;
    await expect(admin().replay(PATTERN, 'billing', range)).rejects.toThrow(
      'range has no option form; did you mean from?',
    );
  });
});
