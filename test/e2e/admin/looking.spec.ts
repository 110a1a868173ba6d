import { beforeEach, describe, expect, test } from '@jest/globals';
import { DeadLetter, InvalidOptionError, RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { brief } from '../../support/brief.js';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { Monitor } from '../../support/monitor.js';
import { nestRig } from '../../support/nest-rig.js';
import { queueKey } from '../../support/queue-dump.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

const suspect = (id: string): string => `{"rq":1,"crashes":1,"attempt":2,"id":"${id}"}\n1`;

/** One consumer holds two messages, another one holds one. */
async function holdThree(gate: Gate): Promise<void> {
  const client = rig.client();
  const serve = async (concurrency: number, ids: readonly string[]): Promise<void> => {
    await rig.serve({ controllers: [controllerOf('work', () => gate.opened)] }, { concurrency });
    for (const id of ids) await client.enqueue('work', { id }, { id });
  };
  await serve(2, ['a', 'b']);
  await eventually(async () => expect((await admin.lengths('work')).processing).toBe(2));
  await serve(1, ['c']);
  await eventually(async () => expect((await admin.lengths('work')).processing).toBe(3));
}

describe('held messages', () => {
  test('are listed by consumer, page by page', async () => {
    const gate = new Gate();
    await holdThree(gate);

    const all = await admin.held('work');

    expect(all.map(({ id }) => id).toSorted()).toEqual(['a', 'b', 'c']);
    expect(all[0]).toMatchObject({ data: { id: all[0]!.id }, attempt: 1, crashes: 0 });
    const consumers = await admin.consumers('work');
    for (const { name, held } of consumers)
      expect(all.filter(({ consumer }) => consumer === name)).toHaveLength(held);
    for (const [offset, limit] of [
      [0, 1],
      [1, 1],
      [1, 2],
      [2, 5],
      [3, 1],
    ] as const)
      expect(await admin.held('work', { offset, limit })).toEqual(
        all.slice(offset, offset + limit),
      );
    await expect(admin.held('work', { limit: 0 })).rejects.toThrow(InvalidOptionError);
    gate.open();
  });
});

describe('suspects', () => {
  test('are listed page by page, with how often their process died', async () => {
    const key = queueKey(rig.prefix, 'work', 'suspects');
    await rig.commands.rpush(key, suspect('a'), suspect('b'), suspect('c'));

    expect(await admin.suspects('work')).toMatchObject([
      { id: 'a', attempt: 2, crashes: 1 },
      { id: 'b' },
      { id: 'c' },
    ]);
    expect(await admin.suspects('work', { offset: 1, limit: 1 })).toMatchObject([{ id: 'b' }]);
    await expect(admin.suspects('work', { offset: -1 })).rejects.toThrow(InvalidOptionError);
  });
});

describe('finding one message', () => {
  test('returns where it is and what is in it, wherever that is', async () => {
    const gate = new Gate();
    await holdThree(gate);
    const client = rig.client();
    await client.enqueue('work', 'waits', { id: 'w', expiresInMs: 60_000, headers: { h: '1' } });
    await client.enqueue('work', 'later', { id: 'd', delayMs: 60_000 });
    // In a queue without a consumer, since that would run it.
    await rig.commands.rpush(queueKey(rig.prefix, 'other', 'suspects'), suspect('s'));

    expect(await admin.find('work', 'a')).toMatchObject({
      place: 'held',
      id: 'a',
      data: { id: 'a' },
      consumer: expect.any(String),
    });
    const waits = await admin.find('work', 'w');
    expect(waits).toMatchObject({ place: 'waiting', data: 'waits', headers: { h: '1' } });
    expect(waits!.expiresAt!.getTime() - waits!.sentAt!.getTime()).toBe(60_000);
    const later = await admin.find('work', 'd');
    expect(later).toEqual({ place: 'delayed', ...(await admin.delayed('work'))[0] });
    expect(await admin.find('other', 's')).toMatchObject({ place: 'waiting', crashes: 1 });
    expect(await admin.find('work', 'nowhere')).toBeUndefined();
    await expect(admin.find('work', '')).rejects.toThrow(InvalidOptionError);
    gate.open();
  });

  test('returns the pattern of an event that a group gets by a wildcard', async () => {
    await admin.declare('order.*', { groups: ['billing'] });
    await rig.client().emit('order.placed', 1, { id: 'e' });

    const queue = { pattern: 'order.*', group: 'billing' };
    expect(await admin.find(queue, 'e')).toMatchObject({ pattern: 'order.placed' });
  });
});

describe('large messages', () => {
  const large = 'x'.repeat(50_000);

  async function leaveLarge(): Promise<void> {
    const client = rig.client({ parkAboveBytes: 1_000, compressAboveBytes: false });
    await client.enqueue('work', large, { id: 'w' });
    await client.enqueue('work', large, { id: 'd', delayMs: 60_000 });
    await client.enqueue('work', 'small', { id: 's', delayMs: 120_000 });
    const bad = controllerOf('dies', () => {
      throw new DeadLetter('on purpose');
    });
    const app = await rig.serve({ controllers: [bad] });
    await client.enqueue('dies', large, { id: 'b' });
    await eventually(async () => expect((await admin.lengths('dies')).dead).toBe(1));
    await app.close();
  }

  test('are listed and filtered with `withLarge: false` without reading their bodies', async () => {
    await leaveLarge();
    const withLarge = false;
    const reads: string[] = [];
    const monitor = await Monitor.start(rig.redis.port, ({ words: [command = '', key = ''] }) => {
      if (/^hmget$/i.test(command) && key.endsWith(':parked')) reads.push(key);
    });
    rig.closeLater(monitor);

    expect(await admin.peek('work', { withLarge })).toMatchObject([
      { id: 'w', data: undefined, isDataUnread: true },
    ]);
    expect((await admin.peek('work', { withLarge }))[0]).not.toHaveProperty('unreadable');
    expect(await admin.delayed('work', { withLarge })).toMatchObject([
      { id: 'd', data: undefined, isDataUnread: true },
      { id: 's', data: 'small', isDataUnread: false },
    ]);
    expect((await admin.deadLetters('dies', { withLarge })).letters).toMatchObject([
      { id: 'b', data: undefined, isDataUnread: true, reason: 'rejected' },
    ]);
    const isMeant = ({ data }: { data: unknown }): boolean => data !== undefined;
    expect(await admin.deleteDeadLetters('dies', isMeant, { withLarge })).toBe(0);
    expect(await admin.redriveAll('dies', isMeant, { withLarge })).toBe(0);
    expect(await admin.advanceDelayed('work', isMeant, { withLarge })).toBe(1);
    expect(await admin.deleteDeadLetters('dies')).toBe(1);
    expect(brief((await admin.peek('work'))[0]!.data)).toEqual(brief(large));
    await eventually(() => expect(reads).toEqual([queueKey(rig.prefix, 'work', 'parked')]));
    const wrong = { withLarge: 'no' as unknown as boolean };
    await expect(admin.peek('work', wrong)).rejects.toThrow(/withLarge must be true or false/);
    await admin.purge('work');
  });

  test('that are small only in Redis are left unread too, as are events of histories', async () => {
    const bomb = new Array<number>(2 ** 20).fill(0);
    const client = rig.client({ parkAboveBytes: false });
    await client.enqueue('work', bomb, { id: 'w' });
    await client.enqueue('work', bomb, { id: 'd', delayMs: 60_000 });
    await client.enqueue('work', 'y'.repeat(60_000), { id: 's' });
    await admin.declare('placed', { history: { maxLength: 5 } });
    await client.emit('placed', bomb);
    const unread = { data: undefined, isDataUnread: true };

    const [waiting, small] = await admin.peek('work', { withLarge: false });
    expect(waiting).toMatchObject({ id: 'w', ...unread });
    expect(waiting!.element.length).toBeLessThan(16_384);
    expect(waiting).not.toHaveProperty('unreadable');
    expect(brief(small!.data)).toEqual(brief('y'.repeat(60_000)));
    expect(await admin.delayed('work', { withLarge: false })).toMatchObject([unread]);
    expect((await admin.history('placed', { withLarge: false })).events).toMatchObject([unread]);

    const whole = [
      ...(await admin.peek('work', { limit: 1 })),
      ...(await admin.delayed('work')),
      ...(await admin.history('placed')).events,
    ];
    expect(whole.map(({ data }) => (data as number[]).length)).toEqual([2 ** 20, 2 ** 20, 2 ** 20]);
    expect(whole.map(({ isDataUnread }) => isDataUnread)).toEqual([false, false, false]);
    await admin.purge('work');
  });

  test('above maxPayloadBytes are unreadable, whether large ones are read or not', async () => {
    const client = rig.client({ parkAboveBytes: false });
    await client.enqueue('work', new Array<number>(40_000).fill(0));
    const strict = rig.closeLater(
      new RedisQueueAdmin({ ...rig.clientOptions(), maxPayloadBytes: 10_000 }),
    );

    for (const withLarge of [true, false])
      expect(await strict.peek('work', { withLarge })).toMatchObject([
        { isDataUnread: false, unreadable: expect.stringContaining('maxPayloadBytes is 10000') },
      ]);
    await admin.purge('work');
  });
});

test('a message without an id can be removed by its element', async () => {
  const waiting = queueKey(rig.prefix, 'work', 'waiting');
  await rig.commands.rpush(waiting, '{"n":1}', '{"n":2}');
  const [first] = await admin.peek('work');

  expect(await admin.remove('work', first!.element)).toBe('removed');

  expect(await admin.remove('work', first!.element)).toBe('unknown');
  expect((await admin.peek('work')).map(({ data }) => data)).toEqual([{ n: 2 }]);
});

test('redisInfo returns what Redis says about itself', async () => {
  expect(await admin.redisInfo()).toMatch(/^redis_version:\d+\.[^]*^used_memory:\d+/m);
});
