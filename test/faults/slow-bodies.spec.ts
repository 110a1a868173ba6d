import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { heldIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { SlowNetwork } from '../support/slow-network.js';
import { FaultStage, LEASE_MS } from './fault-stage.js';

const rig = redisRig();

const BYTES = 8 * 1_048_576;
const BYTES_PER_SECOND = 2 * 1_048_576;

test('a parked body that takes several leases to be read costs no lease, and nothing waits behind it', async () => {
  const stage = await FaultStage.open(rig, rig.redis.url, { compressAboveBytes: false });
  const network = rig.closeLater(await SlowNetwork.start(rig.redis.port));
  const consumer = await stage.startConsumer({ concurrency: 4 }, network.url);
  await stage.send({ id: 'first' });
  await eventually(() => expect(stage.ledger.idsOf('end')).toEqual(['first']));
  network.bytesPerSecond = BYTES_PER_SECOND;

  const begin = performance.now();
  await stage.send({ id: 'large', filler: 'x'.repeat(BYTES) });
  await eventually(async () => expect(heldIn(await stage.dump())).toBe(1));
  expect(await stage.ask({ id: 'small' })).toBe('small');
  expect(stage.ledger.idsOf('start')).not.toContain('large');
  // It would take over what a lost lease held.
  const onlooker = await stage.startConsumer({ concurrency: 1 });

  await stage.untilAllHome();
  expect(performance.now() - begin).toBeGreaterThan(2 * LEASE_MS);
  expect(consumer.output + onlooker.output).not.toMatch(/lease/);
  expect(stage.ledger.idsOf('start').toSorted()).toEqual(['first', 'large', 'small']);
});
