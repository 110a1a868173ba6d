import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { failoverRig } from '../support/failover-rig.js';
import { Proxy } from '../support/proxy.js';
import { rounds, timeFor } from '../support/seed.js';
import { noteRound } from './failover-figures.js';
import { FailoverStage } from './failover-stage.js';

const rig = failoverRig({ replicas: 1, sentinels: 0 });

const WAYS = ['REPLICAOF', 'FAILOVER'] as const;
jest.setTimeout(timeFor(WAYS.length, 120_000));

/** From the moment when the name leads to the new primary. */
const RESUMPTION_MS = 2_000;

// Connections to the old primary stay open: it is a replica now, and replies with READONLY.
describe('a failover without Sentinels', () => {
  test('is followed as soon as the name leads to the new primary', async () => {
    const name = rig.closeLater(await Proxy.start(rig.servers.primary.port));
    const stage = await FailoverStage.open(rig, name.url);
    await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    for (let round = 0; round < rounds(WAYS.length); round += 1) {
      const way = WAYS[round % WAYS.length] ?? 'REPLICAOF';
      stage.startSending();
      await stage.untilBusy();

      const promoted = await (way === 'FAILOVER'
        ? rig.servers.handOver()
        : rig.servers.promoteByHand());
      await pause(1_000);
      name.leadTo(promoted.port);
      const resumption = await stage.untilGoingOn();
      expect(resumption.tookMs).toBeLessThan(resumption.limit(RESUMPTION_MS));

      await stage.stopSending();
      await rig.servers.untilInSync();
      await stage.untilAtRest();
      const books = stage.closeRound(promoted);
      // It hands over only when the other one has everything.
      if (way === 'FAILOVER') expect(books.lostByRedis).toEqual([]);
      noteRound(way, resumption.tookMs, books);
    }
    await stage.closeConsumers();
  });
});
