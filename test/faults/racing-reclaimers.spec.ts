import { expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { rounds, timeFor } from '../support/seed.js';
import { FaultStage } from './fault-stage.js';

const rig = redisRig();

const ROUNDS = rounds(4);
const HELD = 250;

jest.setTimeout(timeFor(4, 90_000));

test(`when two processes race for what a third one held, each delivery goes back once (${ROUNDS * HELD} deliveries)`, async () => {
  const stage = await FaultStage.open(rig);
  const options = { concurrency: HELD, maxCrashes: 1_000 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const ids = Array.from({ length: HELD }, (_, index) => `r${round}-${index}`);
    const victim = await stage.startConsumer(options);
    await stage.send(...ids.map((id) => ({ id, holds: true })));
    await eventually(() => expect(victim.journal).toHaveLength(HELD));
    const racers = await Promise.all([stage.startConsumer(options), stage.startConsumer(options)]);
    await victim.kill();

    for (const racer of racers) racer.letGo();
    await stage.untilAllHome(30_000);

    const second = racers
      .flatMap(({ journal }) => journal)
      .filter(({ event }) => event === 'start');
    expect(second.map(({ id, attempt }) => `${id} ${attempt}`).sort()).toEqual(
      ids.map((id) => `${id} 2`).sort(),
    );
    await Promise.all(racers.map((racer) => racer.close()));
  }
  const account = await stage.balance(ROUNDS * HELD);
  expect(account).toMatchObject({ handled: ROUNDS * HELD, dead: [], duplicates: ROUNDS * HELD });
});
