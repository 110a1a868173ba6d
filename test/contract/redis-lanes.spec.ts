import { describe, expect, test } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { keyed } from './elements.js';
import { lanesContract } from './lanes.contract.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

describe('lanes on Redis', () => {
  lanesContract(world);
});

test('what others write in place of counts and lanes breaks no admin', async () => {
  const broker = await world.open();
  const admin = world.openAdmin();
  const key = (name: string): string => `${rig.prefix}:{work}:${name}`;
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
