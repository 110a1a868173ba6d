import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { Cable } from '../support/cable.js';
import { CHANGING_NAME, knowChangingName } from '../support/changing-name.js';
import { failoverRig } from '../support/failover-rig.js';
import { rounds, timeFor } from '../support/seed.js';
import { noteRound } from './failover-figures.js';
import { FailoverStage } from './failover-stage.js';

const rig = failoverRig({ replicas: 1, sentinels: 0 });

const WAYS = ['demoted', 'killed'] as const;
jest.setTimeout(timeFor(WAYS.length, 120_000));

/** From the moment when the name leads to the new primary. */
const RESUMPTION_MS = 2_000;

/** Machines have addresses of their own, and all servers the same port, as behind a name of DNS. */
(process.platform === 'linux' ? describe : describe.skip)('a failover without Sentinels', () => {
  test('is followed by a name that has another address afterwards', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'name-'));
    rig.closeLater({ close: () => rm(directory, { recursive: true }) });
    const addressFile = join(directory, 'address');
    const setName = async (server: number): Promise<void> => {
      await writeFile(`${addressFile}.new`, `127.0.0.${2 + server}`);
      await rename(`${addressFile}.new`, addressFile);
    };
    const [one, other] = rig.servers.servers;
    const machine = rig.closeLater(await Cable.start(one?.port, '127.0.0.2'));
    rig.closeLater(await Cable.start(other?.port, '127.0.0.3', machine.port));
    await setName(rig.servers.servers.indexOf(rig.servers.primary));
    rig.closeLater({ close: knowChangingName(addressFile) });

    const stage = await FailoverStage.open(rig, { host: CHANGING_NAME, port: machine.port });
    await stage.startConsumer(undefined, { addressFile });
    await stage.startConsumer(undefined, { addressFile });
    for (let round = 0; round < rounds(WAYS.length); round += 1) {
      const way = WAYS[round % WAYS.length] ?? 'demoted';
      stage.startSending();
      await stage.untilBusy();

      const old = rig.servers.primary;
      if (way === 'killed') await old.redis.kill();
      const promoted = await (way === 'killed'
        ? rig.servers.promoteBeside()
        : rig.servers.promoteByHand());
      await setName(rig.servers.servers.indexOf(promoted));
      const resumption = await stage.untilGoingOn();
      expect(resumption.tookMs).toBeLessThan(resumption.limit(RESUMPTION_MS));

      await stage.stopSending();
      if (way === 'killed') await rig.servers.restart(old);
      await rig.servers.untilInSync();
      await stage.untilAtRest();
      noteRound(way, resumption.tookMs, stage.closeRound(promoted));
    }
    await stage.closeConsumers();
  });
});
