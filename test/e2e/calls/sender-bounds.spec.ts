import { describe, expect, test } from '@jest/globals';
import { InvalidOptionError, SenderFullError } from 'nestjs-redis-queue-transport';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

const verbs: readonly [string, (client: RedisQueueClient, data: unknown) => Observable<unknown>][] =
  [
    ['enqueue', (client, data) => client.enqueue('work', data)],
    ['enqueueMany', (client, data) => client.enqueueMany('work', [data])],
    ['emit', (client, data) => client.emit('happened', data)],
    ['emitMany', (client, data) => client.emitMany('happened', [data])],
    ['send', (client, data) => client.send('work', data)],
  ];

async function refusal(call: Observable<unknown>): Promise<unknown> {
  return lastValueFrom(call).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe.each([
  ['that is connected to a silent Redis', true],
  ['that is not connected yet', false],
])('a sender %s', (_, isConnected) => {
  async function senderOf(options: object): Promise<RedisQueueClient> {
    const client = rig.client(options);
    if (isConnected) await client.enqueueMany('work', [0]);
    await rig.commands.del(rig.queue('work').waitingKey);
    rig.redis.pause();
    return client;
  }

  test.each(verbs)(
    'refuses messages beyond the limit of those that wait: %s',
    async (_verb, call) => {
      const client = await senderOf({ maxPendingMessages: 2 });
      try {
        const begun = [client.enqueue('work', 'a'), client.enqueue('work', 'b')];

        const error = await refusal(call(client, 'c'));

        expect(error).toBeInstanceOf(SenderFullError);
        expect(error).toMatchObject({ code: 'SENDER_FULL', messages: 1, pendingMessages: 2 });
        rig.redis.resume();
        await Promise.all(begun);
        expect(await rig.queue('work').waiting()).toHaveLength(2);
        await client.enqueue('work', 'd');
      } finally {
        rig.redis.resume();
      }
    },
  );

  test('refuses messages beyond the limit of bytes that wait', async () => {
    const client = await senderOf({ maxPendingBytes: 1_000 });
    try {
      const begun = [client.enqueue('work', 'x'.repeat(900)), client.emit('e', 'y'.repeat(900))];

      expect(await refusal(client.enqueue('work', 1))).toBeInstanceOf(SenderFullError);

      rig.redis.resume();
      await Promise.all(begun);
      await client.enqueue('work', 2);
    } finally {
      rig.redis.resume();
    }
  });
});

test('has room again once messages have failed', async () => {
  const client = rig.client({
    maxPendingMessages: 1,
    connection: 'redis://127.0.0.1:1',
    connectTimeoutMs: 0,
  });

  for (const call of [
    client.enqueue('work', 1),
    client.enqueue('work', 2),
    client.enqueueMany('work', [3]),
  ])
    await refusal(call);

  expect(await refusal(client.emit('work', 4))).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  expect(await refusal(client.send('work', 4))).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
});

test('has room again once Redis has refused messages', async () => {
  const client = rig.client({ maxPendingMessages: 1 });
  await rig.commands.set(`${rig.prefix}:{taken}:waiting`, 'a text');
  const empty = (): Observable<unknown> => client.enqueue('}', 1);

  for (let n = 0; n < 3; n += 1) {
    expect(await refusal(client.enqueue('taken', n))).toMatchObject({ code: 'REDIS_REFUSED' });
    expect(await refusal(empty())).toMatchObject({ code: 'INVALID_PATTERN' });
  }

  await client.enqueue('work', 1);
});

test('an array that is too long is refused as a whole', async () => {
  const client = rig.client({ maxPendingMessages: 2 });

  expect(await refusal(client.enqueueMany('work', [1, 2, 3]))).toMatchObject({
    code: 'SENDER_FULL',
    messages: 3,
  });

  await client.enqueueMany('work', [1, 2]);
  expect(await rig.queue('work').waiting()).toHaveLength(2);
});

test('requests that wait for their replies are bounded too', async () => {
  const gate = new Gate();
  await rig.serve({ controllers: [controllerOf('slow', () => gate.opened)] });
  const client = rig.client({ maxPendingMessages: 2 });
  const begun = [1, 2].map((n) =>
    lastValueFrom(client.send('slow', n), { defaultValue: undefined }),
  );
  await eventually(async () => expect(await rig.queue('slow').held()).toBe(2));

  expect(await refusal(client.send('slow', 3))).toMatchObject({
    code: 'SENDER_FULL',
    pendingMessages: 2,
  });

  gate.open();
  await Promise.all(begun);
  await lastValueFrom(client.send('slow', 4), { defaultValue: undefined });
});

test('the bounds are options with a range', () => {
  expect(() => rig.client({ maxPendingMessages: 0 })).toThrow(InvalidOptionError);
  expect(() => rig.client({ maxPendingBytes: 0.5 })).toThrow(InvalidOptionError);
});
