import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { RedisRefusedError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { counts, element } from './elements.js';
import { Kept, QUEUE, deadHoldingOn, leaseKeeperContract } from './lease-keeper.contract.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

describe('a lease keeper on Redis', () => {
  leaseKeeperContract(world);
});

describe('a lease keeper on Redis alone', () => {
  let broker: Broker;

  beforeEach(async () => {
    broker = await world.open();
    world.expectFenced();
  });

  test('takes back from the others if it fails for one, reports why, and keeps renewing', async () => {
    const kept = await Kept.start(world, broker);
    const [odd, dead] = [await deadHoldingOn(broker, 'a'), await deadHoldingOn(broker, 'b')];
    const oddList = world.key(QUEUE, `processing:${odd.consumer}`);
    await rig.commands.set(oddList, 'no list');
    await world.endLease(QUEUE, odd.consumer);

    await eventually(() => expect(kept.reclaimed).toEqual([`${dead.consumer} 1`]));

    const { renewals } = kept;
    await eventually(() => expect(kept.renewals).toBeGreaterThan(renewals + 3));
    expect(kept.failures.length).toBeGreaterThan(0);
    for (const failure of kept.failures) expect(failure).toBeInstanceOf(RedisRefusedError);
    expect(kept.losses).toBe(0);
    await rig.commands.del(oddList);
    await odd.leave();
  });

  test('costs little beside many dead consumers, and finds what a late command took for each of them', async () => {
    const names = Array.from({ length: 1_500 }, (_, index) => `dead${index}`);
    await world.fence(QUEUE, ...names);
    const kept = await Promise.all(Array.from({ length: 10 }, () => Kept.start(world, broker)));
    const renewals = (): number => kept.reduce((sum, each) => sum + each.renewals, 0);
    const before = [await scriptCalls(), renewals()] as const;
    for (const [id, consumer] of [
      ['a', names[0]!],
      ['b', names.at(-1)!],
    ] as const) {
      await broker.push(QUEUE, id, element(id));
      await world.lateTake(QUEUE, consumer);
    }
    await eventually(async () =>
      expect(counts((await world.dump(QUEUE)).waiting).sort()).toEqual(['a 1/0', 'b 1/0']),
    );
    await eventually(() => expect(renewals() - before[1]).toBeGreaterThan(100));
    const looks = renewals() - before[1];
    expect((await scriptCalls()) - before[0]).toBeLessThan(2 * looks);
    for (const { losses } of kept) expect(losses).toBe(0);
  });
});

async function scriptCalls(): Promise<number> {
  const calls = (await rig.commands.info('commandstats')).matchAll(
    /cmdstat_eval(?:sha)?:calls=(\d+)/g,
  );
  return [...calls].reduce((sum, [, count]) => sum + Number(count), 0);
}
