import { expect, test } from '@jest/globals';
import { InvalidOptionError, RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { placeOfQueue } from '../../support/place-of-queue.js';

const rig = nestRig();

function openAdmin(): RedisQueueAdmin {
  return rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
}

async function pausedOf(admin: RedisQueueAdmin): Promise<string[]> {
  const { queues } = await admin.overview();
  return queues.filter(({ isPaused }) => isPaused).map(({ queue }) => queue);
}

test('all queues are paused: what runs ends, nothing starts, and all goes on when they are resumed', async () => {
  const gate = new Gate();
  const handled: unknown[] = [];
  const handle = async (data: unknown): Promise<void> => {
    handled.push(data);
    if (data === 'runs') await gate.opened;
  };
  const event = eventControllerOf('placed', handle, { group: 'billing' });
  const controllers = [controllerOf('work', handle), controllerOf('other', handle), event];
  await rig.serve({ controllers }, { concurrency: 1 });
  const client = rig.client();
  const admin = openAdmin();
  await client.enqueue('work', 'runs');
  await eventually(() => expect(handled).toEqual(['runs']));

  const all = ['@billing/placed', 'other', 'work'];
  expect(await admin.pauseAll()).toEqual(all);
  expect(await pausedOf(admin)).toEqual(all);
  await client.enqueue('work', 'a');
  await client.enqueue('other', 'b');
  await client.emit('placed', 'c');
  gate.open();
  await eventually(async () => expect((await admin.lengths('work')).processing).toBe(0));
  expect(await rig.queue('other').waiting()).toHaveLength(1);
  expect(handled).toEqual(['runs']);

  expect(await admin.resumeAll()).toEqual(all);
  expect(await pausedOf(admin)).toEqual([]);
  await eventually(() => expect(new Set(handled)).toEqual(new Set(['runs', 'a', 'b', 'c'])));
});

test('the queues of one group are paused together, even before anything was emitted', async () => {
  const groups = ['billing', 'mail'];
  const declare = { placed: { groups }, 'order.*': { groups } };
  const client = rig.client({ declare });
  await client.enqueue('work', 1);
  await client.emit('never', 1);
  const admin = openAdmin();
  await rig.commands.hset(`${rig.prefix}:queues`, '}odd', 'pushed');
  const ofBilling = ['@billing/order.*', '@billing/placed'];
  expect(await admin.pauseAll({ group: 'billing' })).toEqual(ofBilling);
  for (const [queue, isPaused] of [
    ['@billing/placed', 1],
    ['@mail/placed', 0],
    ['work', 0],
  ] as const)
    expect(await rig.commands.exists(`${rig.prefix}:${placeOfQueue(queue)}:paused`)).toBe(isPaused);
  expect(await admin.resumeAll({ group: 'mail' })).toEqual(['@mail/order.*', '@mail/placed']);
  expect(await admin.lengths('@billing/placed')).toMatchObject({ isPaused: true });
  expect(await admin.resumeAll({ group: 'billing' })).toEqual(ofBilling);
  expect(await admin.lengths('@billing/placed')).toMatchObject({ isPaused: false });
  expect(await admin.pauseAll({ group: 'nobody' })).toEqual([]);
  await expect(admin.pauseAll({ group: 'a/b' })).rejects.toThrow(InvalidOptionError);
  await rig.commands.hdel(`${rig.prefix}:queues`, '}odd');
});
