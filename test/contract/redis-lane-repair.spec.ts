import { describe, expect, test } from '@jest/globals';
import { expectShortScripts } from '../faults/script-times.js';
import { redisRig } from '../support/redis-rig.js';
import { expectTrueCounts } from './counted-keys.js';
import { element, ids, keyed } from './elements.js';
import { laneRepairContract } from './lane-repair.contract.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);
/** A name that a pattern of Redis reads as more than itself. */
const QUEUE = 'w[o]*rk?';
/** About 5 ms on a machine that does nothing else. */
const MOST_US = 50_000;
const key = (name: string): string => `${rig.prefix}:{${QUEUE}}:${name}`;

describe('the repair of lanes on Redis', () => {
  laneRepairContract(world);
});

test('counts that are no numbers are mended, also that of all lanes', async () => {
  const broker = await world.open();
  const admin = world.openAdmin();
  for (const id of ['a1', 'a2', 'b1', 'b2']) await broker.push(QUEUE, id, keyed(id[0] ?? '', id));
  await rig.commands.hset(key('lanes'), { a: 'many', b: '01', c: '-1', ':waiting': 'some' });

  const found = await admin.repairLanes(QUEUE);

  expect(found?.wrong.map((one) => one.key).toSorted()).toEqual(['a', 'b', 'c']);
  expect(found?.inLanes).toEqual({ counted: 0, there: 2 });
  expect(await rig.commands.hgetall(key('lanes'))).toEqual({ a: '1', b: '1', ':waiting': '2' });
  expect((await admin.checkLanes(QUEUE))?.inLanes).toEqual({ counted: 2, there: 2 });
});

test('all lanes go on if the whole hash was deleted', async () => {
  const broker = await world.open();
  const admin = world.openAdmin();
  for (const id of ['a1', 'a2', 'b1', 'b2', 'b3'])
    await broker.push(QUEUE, id, keyed(id[0] ?? '', id));
  await rig.commands.del(key('waiting'), key('lanes'));
  await rig.commands.rpush(`${rig.prefix}:{work}:lanes:c`, 'of a queue that the pattern would fit');

  expect((await admin.repairLanes(QUEUE))?.wrong).toHaveLength(2);

  expect(ids((await world.dump(QUEUE)).waiting).toSorted()).toEqual(['a2', 'b2']);
  expect(await rig.commands.hgetall(key('lanes'))).toEqual({ a: '1', b: '1', ':waiting': '1' });
  await rig.commands.del(`${rig.prefix}:{work}:lanes:c`);
});

test('a user that may not look through the keys repairs what the hash knows', async () => {
  const broker = await world.open();
  for (const id of ['a1', 'a2', 'b1', 'b2']) await broker.push(QUEUE, id, keyed(id[0] ?? '', id));
  await rig.commands.del(key('waiting'));
  await rig.commands.hdel(key('lanes'), 'b');
  await rig.commands.call('ACL', 'SETUSER', 'clerk', 'on', '>pw', '~*', '&*', '+@all', '-scan');
  rig.closeLater({ close: () => rig.commands.call('ACL', 'DELUSER', 'clerk') });
  const clerk = world.openAdmin(`redis://clerk:pw@127.0.0.1:${rig.redis.port}`);

  expect((await clerk.repairLanes(QUEUE))?.wrong).toMatchObject([{ key: 'a' }]);
  expect((await world.openAdmin().repairLanes(QUEUE))?.wrong).toMatchObject([{ key: 'b' }]);
  expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['a2', 'b2']);
});

test('names that are no keys are left alone, and break nothing', async () => {
  const admin = world.openAdmin();
  const odd = { '': '1', 'a b': '1', 'a}{b': '1', [`${'k'.repeat(256)}`]: '1', ä: '1' };
  await rig.commands.hset(key('lanes'), odd);
  await rig.commands.zadd(key('resting'), '+inf', 'x y', '-1', ':x y');
  await rig.commands.rpush(key('lanes:x y'), 'of another program');

  expect(await admin.repairLanes(QUEUE)).toEqual({ wrong: [], inLanes: { counted: 0, there: 0 } });
  expect(await rig.commands.hgetall(key('lanes'))).toEqual(odd);
  await rig.commands.del(key('lanes'), key('lanes:x y'));
});

describe('a key of another program', () => {
  const refused = { name: 'RedisRefusedError', reply: 'WRONGTYPE' };

  test.each(['waiting', 'levels', 'suspects', 'delayed', 'consumers', 'fenced', 'lanes', 'terms'])(
    'in place of %s refuses the repair, and nothing is changed',
    async (taken) => {
      const admin = world.openAdmin();
      if (taken !== 'lanes') await rig.commands.hset(key('lanes'), 'a', 1, ':waiting', 1);
      await rig.commands.rpush(key('lanes:a'), keyed('a', 'a2'));
      await rig.commands.set(key(taken), 'of another program');

      await expect(admin.repairLanes(QUEUE)).rejects.toMatchObject(refused);

      expect(await rig.commands.llen(key('lanes:a'))).toBe(1);
      if (taken !== 'lanes') expect(await rig.commands.hget(key('lanes'), 'a')).toBe('1');
      await rig.commands.del(key(taken));
      await rig.commands.del(key('lanes'), key('lanes:a'));
    },
  );

  test('in place of a lane, a level or the rests stops no repair of others', async () => {
    const broker = await world.open();
    const admin = world.openAdmin();
    for (const id of ['a1', 'a2', 'b1', 'b2']) await broker.push(QUEUE, id, keyed(id[0] ?? '', id));
    await rig.commands.del(key('waiting'), key('lanes:a'));
    const taken = [key('lanes:a'), key('levels:9'), key('resting')];
    for (const one of taken) await rig.commands.set(one, 'of another program');

    expect((await admin.repairLanes(QUEUE))?.wrong).toHaveLength(2);

    expect(await rig.commands.hgetall(key('lanes'))).toEqual({ b: '1' });
    await rig.commands.del(...taken);
    expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['b2']);
  });
});

test('a queue with a giant element is too long, wherever it is', async () => {
  const admin = world.openAdmin();
  const giant = element('giant', `"${'x'.repeat(9_000_000)}"`);
  for (const place of ['waiting', 'suspects', 'processing:c', 'levels:9']) {
    await rig.commands.zadd(key('consumers'), 1, 'c');
    await rig.commands.rpush(key(place), giant);
    expect(await admin.checkLanes(QUEUE)).toBeUndefined();
    expect(await admin.repairLanes(QUEUE)).toBeUndefined();
    await rig.commands.del(key(place), key('consumers'));
  }
  await rig.commands.zadd(key('delayed'), 1, giant);
  expect(await admin.repairLanes(QUEUE)).toBeUndefined();
  await rig.commands.del(key('delayed'));
});

test('the longest queue that is counted keeps Redis busy for no more than some ms', async () => {
  const broker = await world.open();
  const admin = world.openAdmin();
  const keys = Array.from({ length: 1_900 }, (_, n) => `customer-${n}`);
  const body = `"${'x'.repeat(900)}"`;
  for (const n of [1, 2])
    await Promise.all(
      keys.map((of) => broker.push(QUEUE, `${of}-${n}`, keyed(of, `${of}-${n}`, body))),
    );
  const check = async (): Promise<void> => {
    expect((await admin.checkLanes(QUEUE))?.wrong).toEqual([]);
  };
  await expectShortScripts(rig.commands, check, MOST_US);
  const repair = async (): Promise<void> => {
    const counts = Object.fromEntries(keys.map((of) => [of, 2]));
    await rig.commands.hset(key('lanes'), counts);
    expect((await admin.repairLanes(QUEUE))?.wrong).toHaveLength(keys.length);
  };
  await expectShortScripts(rig.commands, repair, MOST_US);
  const free = async (): Promise<void> => {
    await rig.commands.del(key('waiting'));
    expect((await admin.repairLanes(QUEUE))?.wrong).toHaveLength(keys.length);
    await Promise.all(keys.map((of) => broker.push(QUEUE, `${of}-3`, keyed(of, `${of}-3`, body))));
  };
  await expectShortScripts(rig.commands, free, MOST_US);
  await admin.purge(QUEUE, 'all');
});

test('a queue that becomes too long by what goes on is repaired in part, and later as a whole', async () => {
  const broker = await world.open();
  const admin = world.openAdmin();
  const keys = Array.from({ length: 2_500 }, (_, n) => `k${n}`);
  for (const n of [1, 2])
    await Promise.all(keys.map((of) => broker.push(QUEUE, `${of}-${n}`, keyed(of, `${of}-${n}`))));
  await rig.commands.del(key('waiting'));

  expect(await admin.repairLanes(QUEUE)).toBeUndefined();

  const { waiting, inLanes } = await world.dump(QUEUE);
  expect([waiting.length, inLanes]).toEqual([1_500, 1_000]);
  await rig.commands.del(key('waiting'));
  expect((await admin.repairLanes(QUEUE))?.wrong).toHaveLength(2_500);
  const after = await world.dump(QUEUE);
  expectTrueCounts(after);
  expect([after.waiting.length, after.inLanes]).toEqual([1_000, 0]);
  await admin.purge(QUEUE, 'all');
});

test('a repair ends even if somebody keeps making counts wrong', async () => {
  const admin = world.openAdmin();
  const counts = Object.fromEntries(Array.from({ length: 1_200 }, (_, n) => [`k${n}`, 5]));
  await rig.commands.hset(key('lanes'), counts);
  const stranger = rig.commands.duplicate();
  let isOver = false;
  // As soon as one step of the repair has ended, all keys are wrong again.
  const spoiling = (async () => {
    while (!isOver) await stranger.hset(key('lanes'), counts);
  })();
  try {
    const mended = (await admin.repairLanes(QUEUE))?.wrong.length;
    expect(mended).toBeGreaterThanOrEqual(1_200);
    expect(mended).toBeLessThan(1_700);
  } finally {
    isOver = true;
    await spoiling;
    await stranger.quit();
  }
  await rig.commands.hset(key('lanes'), counts);
  expect((await admin.repairLanes(QUEUE))?.wrong).toHaveLength(1_200);
  expect(await rig.commands.exists(key('lanes'))).toBe(0);
});
