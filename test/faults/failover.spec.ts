import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { failoverRig } from '../support/failover-rig.js';
import { askSentinel, SENTINEL_NAME } from '../support/replicated-redis.js';
import type { ReplicatedServer } from '../support/replicated-redis.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { FailoverStage } from './failover-stage.js';
import { noteRound } from './failover-figures.js';

const rig = failoverRig();

const FAULTS = ['told', 'killed', 'stopped'] as const;
type Fault = (typeof FAULTS)[number];
jest.setTimeout(timeFor(FAULTS.length, 150_000));

/** From the moment when most Sentinels name the new primary. */
const RESUMPTION_MS = 2_000;
/** Then with new processes, so that their journals do not become too long. */
const MOST_ROUNDS = 15;

describe('a failover by Sentinels', () => {
  test(`loses nothing that the new primary has, and everything goes on by itself (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    let round = 0;
    while (round < rounds(FAULTS.length)) {
      const stage = await FailoverStage.open(rig);
      await Promise.all([stage.startConsumer(), stage.startConsumer()]);
      const until = Math.min(round + MOST_ROUNDS, rounds(FAULTS.length));
      for (; round < until; round += 1)
        await failOver(stage, FAULTS[round % FAULTS.length] ?? 'told', random);
      await stage.closeConsumers();
    }
  });
});

async function failOver(stage: FailoverStage, fault: Fault, random: () => number): Promise<void> {
  const old = rig.servers.primary;
  stage.startSending();
  await stage.untilBusy();
  await pause(random() * 300);
  await strike(fault, old, Math.floor(random() * 3));
  await rig.servers.promoted();
  const resumption = await stage.untilGoingOn();
  expect(resumption.tookMs).toBeLessThan(resumption.limit(RESUMPTION_MS));
  // A stale primary comes back while everybody is at work.
  if (fault === 'stopped') {
    old.redis.resume();
    await pause(500);
  }
  await stage.stopSending();
  if (fault === 'killed') await rig.servers.restart(old);
  await rig.servers.heal();
  await stage.untilAtRest();
  noteRound(fault, resumption.tookMs, stage.closeRound(rig.servers.primary));
}

async function strike(fault: Fault, primary: ReplicatedServer, sentinel: number): Promise<void> {
  if (fault === 'killed') await primary.redis.kill();
  else if (fault === 'stopped') primary.redis.pause();
  else {
    const told = rig.servers.sentinels[sentinel];
    if (told !== undefined) await askSentinel(told, 'FAILOVER', SENTINEL_NAME);
  }
}
