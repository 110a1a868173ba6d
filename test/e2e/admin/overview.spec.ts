import { expect, test } from '@jest/globals';
import { DeadLetter, RedisQueueAdmin, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { controllerOf } from '../delivery/controller.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

test('an overview shows all queues at a glance, with the age of what is handed out next', async () => {
  const app = await rig.serve({
    controllers: [
      controllerOf('refused', () => {
        throw new DeadLetter('no');
      }),
    ],
  });
  const client = rig.client();
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  await client.enqueue('refused', 1);
  await eventually(async () => expect((await admin.lengths('refused')).dead).toBe(1));
  await app.close();
  await client.enqueueMany('work', [1, 2, 'ü'.repeat(3_000)]);
  await client.enqueue('work', new RedisQueueRecordBuilder(3).delay(60_000).build());
  await rig.commands.hset(`${rig.prefix}:queues`, 'foreign', 'pushed');
  await rig.commands.rpush(`${rig.prefix}:{foreign}:waiting`, '{"plain":1}');
  await admin.pause('work');

  const overview = await admin.overview();

  const empty = { waiting: 0, suspects: 0, delayed: 0, dead: 0, isPaused: false, consumers: 0 };
  expect(overview).toEqual([
    { ...empty, queue: 'foreign', waiting: 1, oldestAgeMs: undefined },
    { ...empty, queue: 'refused', dead: 1, oldestAgeMs: undefined },
    {
      queue: 'work',
      waiting: 3,
      suspects: 0,
      delayed: 1,
      dead: 0,
      isPaused: true,
      consumers: 0,
      oldestAgeMs: expect.any(Number),
    },
  ]);
  const { oldestAgeMs = -1 } = overview[2] ?? {};
  expect(oldestAgeMs).toBeGreaterThanOrEqual(0);
  await eventually(async () => {
    const later = (await admin.overview())[2]?.oldestAgeMs ?? 0;
    expect(later).toBeGreaterThan(oldestAgeMs);
  });
});
