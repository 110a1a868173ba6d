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

/** Two messages in the hands of one consumer, one in those of another. */
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
  test('tells where it is and what is in it, wherever that is', async () => {
    const gate = new Gate();
    await holdThree(gate);
    const client = rig.client();
    await client.enqueue('work', 'waits', { id: 'w', expiresInMs: 60_000, headers: { h: '1' } });
    await client.enqueue('work', 'later', { id: 'd', delayMs: 60_000 });
    // In a queue without a consumer, which would run it.
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

  test('tells the pattern of an event that a group with wildcards gets', async () => {
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

  test('are listed and meant without reading their bodies where that is asked for', async () => {
    await leaveLarge();
    const withParked = false;
    const reads: string[] = [];
    const monitor = await Monitor.start(rig.redis.port, ({ words: [command = '', key = ''] }) => {
      if (/^hmget$/i.test(command) && key.endsWith(':parked')) reads.push(key);
    });
    rig.closeLater(monitor);

    expect(await admin.peek('work', { withParked })).toMatchObject([
      { id: 'w', data: undefined, isParked: true },
    ]);
    expect((await admin.peek('work', { withParked }))[0]).not.toHaveProperty('unreadable');
    expect(await admin.delayed('work', { withParked })).toMatchObject([
      { id: 'd', data: undefined, isParked: true },
      { id: 's', data: 'small', isParked: false },
    ]);
    expect((await admin.deadLetters('dies', { withParked })).letters).toMatchObject([
      { id: 'b', data: undefined, isParked: true, reason: 'rejected' },
    ]);
    const isMeant = ({ data }: { data: unknown }): boolean => data !== undefined;
    expect(await admin.deleteDeadLetters('dies', isMeant, { withParked })).toBe(0);
    expect(await admin.redriveAll('dies', isMeant, { withParked })).toBe(0);
    expect(await admin.advanceDelayed('work', isMeant, { withParked })).toBe(1);
    expect(await admin.deleteDeadLetters('dies')).toBe(1);
    expect(brief((await admin.peek('work'))[0]!.data)).toEqual(brief(large));
    await eventually(() => expect(reads).toEqual([queueKey(rig.prefix, 'work', 'parked')]));
    const wrong = { withParked: 'no' as unknown as boolean };
    await expect(admin.peek('work', wrong)).rejects.toThrow(/withParked must be true or false/);
    await admin.purge('work');
  });
});

test('a message without an id is removed by its element', async () => {
  const waiting = queueKey(rig.prefix, 'work', 'waiting');
  await rig.commands.rpush(waiting, '{"n":1}', '{"n":2}');
  const [first] = await admin.peek('work');

  expect(await admin.remove('work', first!.element)).toBe('removed');

  expect(await admin.remove('work', first!.element)).toBe('unknown');
  expect((await admin.peek('work')).map(({ data }) => data)).toEqual([{ n: 2 }]);
});

test('Redis tells of itself', async () => {
  expect(await admin.redisInfo()).toMatch(/^redis_version:\d+\.[^]*^used_memory:\d+/m);
});
