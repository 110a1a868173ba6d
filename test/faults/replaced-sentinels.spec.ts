import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { failoverRig } from '../support/failover-rig.js';
import type { ReplicatedServer } from '../support/replicated-redis.js';
import { noteRound } from './failover-figures.js';
import { FailoverStage } from './failover-stage.js';

const rig = failoverRig({ replicas: 1 });
jest.setTimeout(150_000);

const RESUMPTION_MS = 2_000;

async function openStage(): Promise<FailoverStage> {
  const stage = await FailoverStage.open(rig);
  await Promise.all([stage.startConsumer(), stage.startConsumer()]);
  stage.startSending();
  await stage.untilBusy();
  return stage;
}

/** A new primary is there, or about to be: everybody goes on with it, and the old one comes back as its replica. */
async function expectFailover(stage: FailoverStage, old: ReplicatedServer): Promise<void> {
  const promoted = await rig.servers.promoted();
  const resumption = await stage.untilGoingOn();
  expect(resumption.tookMs).toBeLessThan(resumption.limit(RESUMPTION_MS));
  await stage.stopSending();
  await rig.servers.restart(old);
  await rig.servers.heal();
  await stage.untilAtRest();
  noteRound('replaced', resumption.tookMs, stage.closeRound(promoted));
  await stage.closeConsumers();
}

describe('a failover by Sentinels that have come', () => {
  test('in place of all those that were configured is followed', async () => {
    const stage = await openStage();
    for (const sentinel of [...rig.servers.sentinels]) {
      await rig.servers.replaceSentinel(sentinel);
      await stage.untilGoingOn();
    }
    // Its connections stay open: only the news of the Sentinels tells.
    const old = rig.servers.primary;
    old.redis.pause();
    await expectFailover(stage, old);
  });

  test('back after all of them were away is followed, and meanwhile work goes on', async () => {
    const stage = await openStage();
    const all = [...rig.servers.sentinels];
    for (const sentinel of all) await rig.servers.killSentinel(sentinel);
    await stage.untilGoingOn();
    await rig.servers.addSentinels(...all.map(({ port }) => port));

    const old = rig.servers.primary;
    for (const sentinel of rig.servers.sentinels) sentinel.pause();
    await old.redis.kill();
    await eventually(async () =>
      expect((await stage.consumers[0]?.health())?.status).not.toBe('up'),
    );
    await pause(1_000);
    for (const sentinel of rig.servers.sentinels) sentinel.resume();
    await expectFailover(stage, old);
  });
});
