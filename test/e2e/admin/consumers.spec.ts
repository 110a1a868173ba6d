import { expect, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { controllerOf } from '../delivery/controller.js';
import { Gate } from '../../support/gate.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

test('consumers are listed with their lease and what they hold, even dead ones', async () => {
  const gate = new Gate();
  await rig.serve({ controllers: [controllerOf('work', () => gate.opened)] });
  const client = rig.client();
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  await client.enqueueMany('work', [1, 2]);
  await eventually(async () => expect((await admin.lengths('work')).processing).toBe(2));
  // A queue that nobody serves: a live consumer would take this back.
  const dead = `${rig.prefix}:{dead}`;
  await rig.commands.zadd(`${dead}:consumers`, 1, 'gone');
  await rig.commands.zadd(`${dead}:fenced`, '+inf', 'late', '+inf', 'quiet');
  await rig.commands.rpush(`${dead}:processing:late`, '{}');
  rig.mayRemain(/{dead}:(consumers|processing:late)$/);

  expect(await admin.consumers('work')).toEqual([
    { name: expect.any(String), state: 'live', leaseEndsAt: expect.any(Date), held: 2 },
  ]);
  expect(await admin.consumers('dead')).toEqual([
    { name: 'gone', state: 'ended', leaseEndsAt: new Date(1), held: 0 },
    { name: 'late', state: 'reclaimed', leaseEndsAt: undefined, held: 1 },
  ]);
  expect(await admin.consumers('nowhere')).toEqual([]);
  const [overview] = (await admin.overview()).queues;
  expect(overview).toMatchObject({ queue: 'work', consumers: 1 });
  gate.open();
});

test('a message that cannot be read is listed with the reason, beside its bytes', async () => {
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  const waiting = `${rig.prefix}:{work}:waiting`;
  await rig.commands.rpush(waiting, '{"rq":1,"id":"a"}\n{"whole":true}');
  await rig.commands.rpush(waiting, '{"rq":1,"id":"b"}\n{"half":', '{"rq":1,"codec":"odd"}\nx');
  await rig.commands.rpush(waiting, '{"rq":7}\n1');

  const [whole, half, odd, newer] = await admin.peek('work');

  expect(whole).not.toHaveProperty('unreadable');
  expect(half).toMatchObject({ id: 'b', data: undefined, unreadable: expect.any(String) });
  expect(odd).toMatchObject({ data: undefined, unreadable: expect.stringContaining('odd') });
  expect(newer).toMatchObject({ unreadable: expect.stringContaining('7') });
});
