import { expect, jest, test } from '@jest/globals';
import { perKeyTerms } from '../../libs/redis-queue-transport/src/core/broker/per-key.js';
import { ENDED_MS } from '../contract/broker-world.js';
import { expectTrueCounts } from '../contract/counted-keys.js';
import { element, ids, prioritised } from '../contract/elements.js';
import { RedisWorld } from '../contract/redis-world.js';
import { LEASE_TERMS, withLease } from '../contract/with-lease.js';
import { redisRig } from '../support/redis-rig.js';
import { rounds, timeFor } from '../support/seed.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const QUEUE = 'q';
const ROUNDS = rounds(1_000);
const KEYS = 3;
/** In some rounds it holds more than one call takes back. */
const MANY = 700;
const MANY_EVERY = 100;

jest.setTimeout(timeFor(1_000, 180_000));

test(`when two race for what a third one held, ${ROUNDS} times, each delivery goes back once, and each key is counted once`, async () => {
  world.expectFenced();
  const brokers = await Promise.all([world.open(), world.open()]);
  const admin = world.openAdmin();
  const join = (which: 0 | 1) => brokers[which].join(QUEUE, LEASE_TERMS, () => undefined);
  const racers = [await join(0), await join(1)] as const;
  for (const racer of racers) rig.closeLater({ close: () => racer.leave() });
  await brokers[0].noteTerms(QUEUE, perKeyTerms());
  for (let round = 0; round < ROUNDS; round += 1) {
    const victim = await join(0);
    // Of each key the second message is in its lane.
    const names = Array.from({ length: 2 * KEYS }, (_, index) => `${round}-${index}`);
    const sent = names.map((name, index) => prioritised(index % 10, name, `k${index % KEYS}`));
    const others = round % MANY_EVERY === 0 ? MANY : 1;
    for (let index = 0; index < others; index += 1) sent.push(element(`${round}-other-${index}`));
    await Promise.all(sent.map((one, index) => brokers[0].push(QUEUE, String(index), one)));
    const taken: Buffer[] = [];
    while (taken.length < KEYS + others)
      taken.push(...withLease(await victim.exchange([], KEYS + others - taken.length)).taken);
    await world.endLease(QUEUE, victim.consumer);

    const reclaimed = await Promise.all(
      racers.map((racer) => racer.reclaim(victim.consumer, ENDED_MS)),
    );

    expect(reclaimed[0]! + reclaimed[1]!).toBe(taken.length);
    const dump = await world.dump(QUEUE);
    expect(ids(dump.suspects)).toEqual(ids(taken));
    expectTrueCounts(dump);
    expect(dump.inLanes).toBe(KEYS);
    await admin.purge(QUEUE, 'all');
  }
  const { out, lanes } = await world.dump(QUEUE);
  expect([out.size, lanes.size]).toEqual([0, 0]);
});
