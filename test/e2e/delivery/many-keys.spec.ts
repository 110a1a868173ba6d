import { expect, test } from '@jest/globals';
import { RedisQueueAdmin, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from './controller.js';

const rig = nestRig();

const KEYS = 50_000;
/** The rate of a key is remembered for this long. */
const PER_MS = 2_000;

test('fifty thousand keys, each with a rate and one message, leave nothing behind', async () => {
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  const namesOfQueue = async (): Promise<string[]> =>
    (await rig.commands.keys(`${rig.prefix}:{work}:*`)).sort();
  let handled = 0;
  const controller = controllerOf('work', () => (handled += 1), {
    options: { concurrency: 500, perKey: { rate: 1, perMs: PER_MS } },
  });
  await rig.serve({ controllers: [controller] });
  const client = rig.client();
  await client.enqueue('work', 'without a key');
  await eventually(async () => {
    expect(handled).toBe(1);
    expect(await admin.lengths('work')).toMatchObject({ waiting: 0, processing: 0 });
  });
  const before = await namesOfQueue();

  await client.enqueueMany(
    'work',
    Array.from({ length: KEYS }, (_, n) =>
      new RedisQueueRecordBuilder(n).key(`customer-${n}`).build(),
    ),
  );
  // What it has to forget.
  expect((await namesOfQueue()).length).toBeGreaterThan(before.length);

  await eventually(async () => {
    expect(handled).toBe(KEYS + 1);
    expect(await namesOfQueue()).toEqual(before);
  }, 60_000);
}, 90_000);
