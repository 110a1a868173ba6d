import { expect, test } from '@jest/globals';
import { RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import type { RedisQueueEvents } from 'nestjs-redis-queue-transport';
import { controllerOf } from '../delivery/controller.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

test('a server emits events for messages that are tried again and for those that are dead-lettered', async () => {
  const retried: Parameters<RedisQueueEvents['retried']>[0][] = [];
  const letters: Parameters<RedisQueueEvents['deadLettered']>[0][] = [];
  const server = rig.strategy({ retry: { attempts: 2, delayMs: 0 } });
  server.on('retried', (retry) => void retried.push(retry));
  server.on('deadLettered', (letter) => void letters.push(letter));
  server.on('deadLettered', () => {
    throw new Error('of a listener');
  });
  const rejects = (): unknown => Promise.reject(new Error('of an async listener'));
  server.on('deadLettered', rejects);
  const controller = controllerOf('work', () => {
    throw new RangeError('too far');
  });
  const app = await rig.microservice({ controllers: [controller] }, server);
  await app.listen();

  await rig.client().enqueue('work', new RedisQueueRecordBuilder({}).id('m-1').build());

  await eventually(() => expect(letters).toHaveLength(1));
  expect(retried).toMatchObject([{ queue: 'work', id: 'm-1', attempt: 1, delayMs: 0 }]);
  expect(String(retried[0]?.error)).toContain('too far');
  expect(letters).toMatchObject([
    { queue: 'work', id: 'm-1', attempt: 2, reason: 'handlerFailed' },
  ]);
  expect(letters[0]?.error).toMatchObject({ name: 'RangeError', message: 'too far' });
  const failed = /^A listener for "deadLettered" failed: of a/;
  await eventually(() => expect(rig.logs.matching('error', failed)).toHaveLength(2));
});
