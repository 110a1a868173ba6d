import { describe, expect, test } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { element, ids, prioritised } from './elements.js';
import { prioritiesContract } from './priorities.contract.js';
import { RedisWorld } from './redis-world.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

const rig = redisRig();
const world = new RedisWorld(rig);

describe('priorities on Redis', () => {
  prioritiesContract(world);
});

test('a list of a priority that is a key of another program holds no messages', async () => {
  const broker = await world.open();
  await rig.commands.set(`${rig.prefix}:{work}:levels:9`, 'of another program');
  await broker.push('work', 'a', element('a'));

  const sent = ['b', 'c'].map((id) => broker.push('work', id, Buffer.from(prioritised(9, id))));
  expect(await Promise.all(sent)).toEqual(['added', 'added']);

  const lease = await broker.join('work', { ...LEASE_TERMS, waitMs: 5_000 }, () => undefined);
  const first = withLease(await lease.exchange([], 2)).taken;
  expect(ids(first)).toEqual(['a', 'b']);
  await lease.exchange(
    first.map((taken) => ({ kind: 'release', element: taken })),
    0,
  );
  expect(ids(withLease(await lease.exchange([], 3)).taken)).toEqual(['a', 'b', 'c']);
  // Those of a lane go on as well.
  for (const id of ['k1', 'k2', 'k3'])
    await broker.push('work', id, Buffer.from(prioritised(9, id, 'k')));
  const [next] = withLease(await lease.exchange([], 1)).taken;
  expect(ids(next === undefined ? [] : [next])).toEqual(['k1']);
  await broker.push('work', 'd', element('d'));
  const settled = next === undefined ? [] : [{ kind: 'ack', element: next } as const];
  expect(ids(withLease(await lease.exchange(settled, 2)).taken)).toEqual(['d', 'k2']);
  await lease.leave();
  await rig.commands.del(`${rig.prefix}:{work}:levels:9`);
});
