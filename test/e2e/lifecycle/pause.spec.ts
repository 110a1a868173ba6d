import { expect, test } from '@jest/globals';
import type { RedisQueueServer } from 'nestjs-redis-queue-transport';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

let gate = new Gate();

async function serverOf(handled: unknown[], isPaused = false): Promise<RedisQueueServer> {
  gate = new Gate();
  const server = rig.strategy({ concurrency: 1 });
  const handle = async (data: unknown): Promise<void> => {
    handled.push(data);
    if (data === 'runs') await gate.opened;
  };
  const live = eventControllerOf('heard', handle);
  const durable = eventControllerOf('placed', handle, { group: 'billing' });
  const controllers = [controllerOf('work', handle), controllerOf('other', handle), live, durable];
  const app = await rig.microservice({ controllers }, server);
  if (isPaused) server.pause();
  await app.listen();
  return server;
}

test('a server that is paused takes nothing for any handler, until it is resumed', async () => {
  const handled: unknown[] = [];
  const server = await serverOf(handled);
  const client = rig.client();
  expect(server.health().isPaused).toBeUndefined();
  await client.enqueue('work', 'runs');
  await eventually(() => expect(handled).toEqual(['runs']));
  server.pause();
  server.pause();
  expect(server.health()).toMatchObject({ status: 'up', isPaused: true });
  await client.enqueue('work', 1);
  await client.enqueue('other', 2);
  await client.emit('placed', 3);
  await client.emit('heard', 'live');
  gate.open();
  await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
  await eventually(() => expect(handled).toEqual(['runs', 'live']));
  for (const name of ['work', 'other', '@billing/placed'])
    expect(await rig.queue(name).waiting()).toHaveLength(1);
  server.resume();
  await eventually(() => expect(new Set(handled)).toEqual(new Set(['runs', 'live', 1, 2, 3])));
  expect(server.health().isPaused).toBeUndefined();
});

test('what a paused server leaves, others take, and it can be closed', async () => {
  const ofPaused: unknown[] = [];
  const ofOther: unknown[] = [];
  const paused = await serverOf(ofPaused, true);
  await serverOf(ofOther);
  const client = rig.client();
  await client.enqueueMany('work', [1, 2, 3]);
  await client.enqueue('work', 'later', { delayMs: 50 });
  // What comes due goes ahead of what waits.
  await eventually(() => expect(new Set(ofOther)).toEqual(new Set([1, 2, 3, 'later'])));
  await paused.close();
  expect(ofPaused).toEqual([]);
});

test('a server that is paused before it listens begins when it is resumed', async () => {
  const handled: unknown[] = [];
  const server = await serverOf(handled, true);
  await rig.client().enqueueMany('work', [1, 2]);
  expect(server.health()).toMatchObject({ status: 'up', isPaused: true });
  server.resume();
  server.resume();
  await eventually(() => expect(handled).toEqual([1, 2]));
});
