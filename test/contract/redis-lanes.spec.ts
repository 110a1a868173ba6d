import { describe, expect, test } from '@jest/globals';
import type { Lease, Settlement } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { redisRig } from '../support/redis-rig.js';
import { expectTrueCounts } from './counted-keys.js';
import { ids, keyed, prioritised } from './elements.js';
import { lanesContract } from './lanes.contract.js';
import { RedisWorld } from './redis-world.js';
import { LEASE_TERMS, withLease } from './with-lease.js';
import { placeOfQueue } from '../support/place-of-queue.js';

const rig = redisRig();
const world = new RedisWorld(rig);
const key = (name: string): string => `${rig.prefix}:{work}:${name}`;
const lane = (queue: string, key: string): string =>
  `${rig.prefix}:${placeOfQueue(queue)}:lanes:${key}`;

describe('lanes on Redis', () => {
  lanesContract(world);
});

test('what others write in place of counts and lanes breaks no admin', async () => {
  const broker = await world.open();
  const admin = world.openAdmin();
  for (const [of, id] of ['a', 'b'].flatMap((of) => [1, 2].map((n) => [of, `${of}${n}`] as const)))
    await broker.push('work', id, keyed(of, id));
  await rig.commands.hset(key('lanes'), { c: 'many', d: '-1', ':waiting': 'some' });
  await rig.commands.del(key('lanes:a'));
  await rig.commands.set(key('lanes:a'), 'of another program');

  expect(await admin.lengths('work')).toMatchObject({ waiting: 2, inLanes: 0 });
  expect(await admin.look('work')).toMatchObject({ waiting: 2, inLanes: 0 });
  expect(await admin.lanes('work', 10)).toMatchObject([{ key: 'b', out: 1, waiting: 1 }]);
  expect(await admin.find('work', 'b2')).toMatchObject({ place: 'waiting' });
  expect(await admin.find('work', 'nobody')).toBeUndefined();
  expect(await admin.remove('work', Buffer.from(keyed('a', 'a2')))).toBe(false);
  expect(await admin.remove('work', Buffer.from(keyed('a', 'a1')))).toBe(true);
  expect(await admin.purge('work', 'all')).toBe(2);
  await broker.push('work', 'b3', keyed('b', 'b3'));
  await broker.push('work', 'b4', keyed('b', 'b4'));
  expect(await admin.lengths('work')).toMatchObject({ waiting: 1, inLanes: 1 });
  await rig.commands.del(key('lanes'), key('lanes:a'), key('lanes:b'));
});

describe('a lane that is a key of another program', () => {
  const TAKEN = 'of another program';

  test('refuses a message with a window and a large one, and keeps nothing of them', async () => {
    const broker = await world.open();
    await broker.push('work', 'a1', keyed('a', 'a1'));
    await rig.commands.set(lane('work', 'a'), TAKEN);
    const refused = { name: 'RedisRefusedError', reply: 'WRONGTYPE' };
    const window = { deduplicateMs: 60_000 };
    const large = Buffer.from(keyed('a', 'a3', `"${'x'.repeat(100_000)}"`));

    await expect(broker.push('work', 'a2', keyed('a', 'a2'), window)).rejects.toMatchObject(
      refused,
    );
    await expect(broker.push('work', 'a3', large)).rejects.toMatchObject(refused);

    await rig.commands.del(lane('work', 'a'));
    const { parked, waiting, inLanes } = await world.dump('work');
    expect([ids(waiting), parked, inLanes]).toEqual([['a1'], [], 0]);
    expect(await broker.push('work', 'a2', keyed('a', 'a2'), window)).toBe('added');
  });

  test('refuses an event as a whole, and affects no other of the same turn', async () => {
    const broker = await world.open();
    const queues = ['@billing/placed', '@audit/placed'];
    await broker.declare({ pattern: 'placed', groups: ['billing', 'audit'] });
    const emit = (key: string, id: string): Promise<unknown> =>
      broker.publish('placed', id, keyed(key, id));
    await emit('a', 'a1');
    await rig.commands.set(lane('@audit/placed', 'a'), TAKEN);

    const ends = await Promise.allSettled([emit('b', 'b1'), emit('a', 'a2'), emit('c', 'c1')]);

    expect(ends).toMatchObject([
      { status: 'fulfilled', value: { groups: 2 } },
      { status: 'rejected', reason: { name: 'RedisRefusedError', reply: 'WRONGTYPE' } },
      { status: 'fulfilled', value: { groups: 2 } },
    ]);
    await rig.commands.del(lane('@audit/placed', 'a'));
    for (const queue of queues) {
      const { waiting, inLanes } = await world.dump(queue);
      expect([ids(waiting), inLanes]).toEqual([['a1', 'b1', 'c1'], 0]);
    }
  });

  test('holds up no delayed message: those of its key go on, once each', async () => {
    const broker = await world.open();
    const lease = await broker.join('work', LEASE_TERMS, () => undefined);
    await rig.commands.hset(key('lanes'), { a: 1, b: 1 });
    await rig.commands.set(lane('work', 'b'), TAKEN);
    for (const [due, name] of ['a2', 'b2', 'c1'].entries())
      await rig.commands.zadd(key('delayed'), due, Buffer.from(keyed(name.slice(0, 1), name)));

    expect(withLease(await lease.exchange([], 10))).toMatchObject({ taken: { length: 2 } });
    await rig.commands.del(lane('work', 'b'));
    const { lanes, processing, delayed } = await world.dump('work');
    expect([...processing.values()].map(ids)).toEqual([['b2', 'c1']]);
    expect([ids(lanes.get('a') ?? []), delayed]).toEqual([['a2'], []]);
    await lease.leave();
  });

  test('does not stop a replay, which adds each event once', async () => {
    const broker = await world.open();
    const queue = '@billing/placed';
    await broker.declare({ pattern: 'placed', history: { maxLength: 10 } });
    for (const id of ['a1', 'a2', 'b1']) await broker.publish('placed', id, keyed(id[0] ?? '', id));
    await rig.commands.set(lane(queue, 'a'), TAKEN);
    const to = (await rig.commands.xrevrange(`${rig.prefix}:{placed}:history`, '+', '-'))[0]![0];

    const { events } = world.openAdmin();
    expect(await events.replay('placed', queue, { from: '-', to })).toMatchObject({ replayed: 3 });
    await rig.commands.del(lane(queue, 'a'));
    expect(ids((await world.dump(queue)).waiting)).toEqual(['a1', 'a2', 'b1']);
  });
});

describe('a queue of which a part is a key of another program', () => {
  /** `a1` and `b1` are held, and `a2` waits in its lane. */
  async function hold(): Promise<{ lease: Lease; taken: readonly Buffer[] }> {
    const broker = await world.open();
    const lease = await broker.join('work', LEASE_TERMS, () => undefined);
    for (const name of ['a1', 'b1', 'a2'])
      await broker.push('work', name, prioritised(9, name, name.slice(0, 1)));
    const { taken } = withLease(await lease.exchange([], 2));
    expect(ids(taken)).toEqual(['a1', 'b1']);
    return { lease, taken };
  }

  const SETTLED: Readonly<Record<string, (taken: readonly Buffer[]) => Settlement[]>> = {
    'the oldest': ([a1]) => [{ kind: 'ack', element: a1! }],
    all: (taken) => taken.map((element) => ({ kind: 'ack', element })),
    'one that expired': ([a1]) => [{ kind: 'skip', element: a1!, why: 'expired' }],
  };

  test.each(
    ['waiting', 'levels', 'terms'].flatMap((place) =>
      Object.entries(SETTLED).map(([what, settle]) => [place, what, settle] as const),
    ),
  )(
    '(%s) refuses to settle %s whose key has a lane, until it is gone',
    async (place, _, settle) => {
      const { lease, taken } = await hold();
      await rig.commands.set(key(place), 'of another program');
      const refused = { name: 'RedisRefusedError', reply: 'WRONGTYPE' };
      await expect(lease.exchange(settle(taken), 0)).rejects.toMatchObject(refused);
      const before = await rig.commands.hgetall(key('lanes'));
      expect(before).toEqual({ a: '1', b: '1', ':waiting': '1' });

      await rig.commands.del(key(place));
      const next = withLease(await lease.exchange(settle(taken), 2));
      expect(ids(next.taken)).toEqual(['a2']);
      await lease.leave();
      expectTrueCounts(await world.dump('work'));
    },
  );
});
