import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { failoverRig } from '../support/failover-rig.js';
import { askSentinel, SENTINEL_NAME } from '../support/replicated-redis.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { noteRound } from './failover-figures.js';
import { FailoverStage } from './failover-stage.js';

const rig = failoverRig();

const NORMAL_ROUNDS = 4;
const ROUNDS = rounds(NORMAL_ROUNDS, 'FAILOVER_ROUNDS');
jest.setTimeout(timeFor(NORMAL_ROUNDS, 120_000, 'FAILOVER_ROUNDS'));

/** Most failovers before everything comes to rest, each while connections are still being replaced. */
const MOST_IN_A_ROW = 3;
/** Then with new processes, so that their journals do not become too long. */
const MOST_OF_A_STAGE = 20;

/** A Sentinel that is told while the others still spread the last failover may give up. */
async function failOver(random: () => number): Promise<void> {
  const { sentinels } = rig.servers;
  await eventually(async () => {
    const told = sentinels[Math.floor(random() * sentinels.length)];
    if (told !== undefined) await askSentinel(told, 'FAILOVER', SENTINEL_NAME);
    await rig.servers.promoted(3_000);
  }, 60_000);
}

describe('one failover after the other', () => {
  test(`${ROUNDS} times, leaves nothing stuck and loses nothing that the last primary has (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const wasKept = (id: string): boolean => rig.servers.wasKept(id);
    let stage: FailoverStage | undefined;
    for (let done = 0, ofStage = 0; done < ROUNDS;) {
      if (stage === undefined || ofStage >= MOST_OF_A_STAGE) {
        await stage?.closeConsumers();
        stage = await FailoverStage.open(rig);
        await Promise.all([stage.startConsumer(), stage.startConsumer()]);
        ofStage = 0;
      }
      stage.startSending();
      await stage.untilBusy();
      const inARow = Math.min(ROUNDS - done, 1 + Math.floor(random() * MOST_IN_A_ROW));
      for (let index = 0; index < inARow; index += 1) {
        await pause(random() * 300);
        await failOver(random);
      }
      done += inARow;
      ofStage += inARow;
      const { tookMs } = await stage.untilGoingOn();
      await stage.stopSending();
      await rig.servers.heal();
      await stage.untilAtRest();
      noteRound(`${inARow} in a row`, tookMs, stage.closeRound(rig.servers.primary, wasKept));
    }
    await stage?.closeConsumers();
    expect(stage).toBeDefined();
  });
});
