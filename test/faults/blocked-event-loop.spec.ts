import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage, LEASE_MS } from './fault-stage.js';

const rig = redisRig();

test('a handler that blocks its process past the lease is fenced, and each message that it held ends once', async () => {
  const stage = await FaultStage.open(rig);
  const blocked = await stage.startConsumer({ concurrency: 5 });
  const neighbours = ['a', 'b', 'c'];
  await stage.send(...neighbours.map((id) => ({ id, holds: true })));
  await eventually(() => expect(blocked.journal).toHaveLength(3));
  const other = await stage.startConsumer({ concurrency: 5 });
  // The blocking message ends up in one of the processes. The other process takes over, whichever it is.
  await stage.send({ id: 'blocks', blocksMs: LEASE_MS * 3 });
  await eventually(() => {
    const outputs = [blocked.output, other.output].join();
    expect(outputs).toContain('Lost the lease');
  }, 20_000);
  blocked.letGo();
  other.letGo();
  await stage.untilAllHome(30_000);
  const account = await stage.balance(8);
  expect(account.dead).toEqual([]);
  expect(account.handled).toBe(4);
}, 60_000);
