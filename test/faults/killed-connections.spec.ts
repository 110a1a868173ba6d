import { describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds } from '../support/seed.js';
import { FaultStage } from './fault-stage.js';

const rig = redisRig();

describe('CLIENT KILL and SCRIPT FLUSH', () => {
  test(`of everything at any time leave nothing undone, and nothing done twice (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const stage = await FaultStage.open(rig);
    await stage.startConsumer({ concurrency: 4 });
    let sent = 0;
    for (let round = 0; round < rounds(12); round += 1) {
      const sending = stage.send(
        ...Array.from({ length: 20 }, () => ({ id: `m${(sent += 1)}`, workMs: random() * 4 })),
      );
      const before = stage.entries().length;
      const many = Math.floor(random() * 25);
      await eventually(() => expect(stage.entries().length).toBeGreaterThanOrEqual(before + many));
      if (random() < 0.7) await killConnections('normal');
      if (random() < 0.5) await killConnections('pubsub');
      if (random() < 0.5) await rig.commands.script('FLUSH');
      await sending;
    }
    await stage.untilAllHome();
    await stage.balance(0);
  }, 60_000);

  test('of an idle consumer leave it taking messages', async () => {
    const stage = await FaultStage.open(rig);
    await stage.startConsumer();
    for (let round = 0; round < 5; round += 1) {
      await killConnections('normal');
      await rig.commands.script('FLUSH');
      await eventually(() => stage.client.connect());
      await stage.send({ id: `m${round}` });
      await stage.untilAllHome();
    }
    await stage.balance(0);
  });
});

/** All but the test's own. */
async function killConnections(type: 'normal' | 'pubsub'): Promise<void> {
  await rig.commands.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
}
