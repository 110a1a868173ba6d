import { describe, expect, test } from '@jest/globals';
import type { INestMicroservice } from '@nestjs/common';
import {
  IncompleteError,
  QueueFullError,
  RedisQueueRecordBuilder,
  RequestTimeoutError,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from './controller.js';

const rig = nestRig();

/** Serves `work`, one message at a time, and none ends before the gate is open. */
async function serve(maxLength: number, gate = new Gate()): Promise<INestMicroservice> {
  const options = { maxLength, concurrency: 1 };
  return rig.serve({ controllers: [controllerOf('work', () => gate.opened, { options })] });
}

/** Has the server take one message, which it holds until the test ends. */
async function occupy(client: RedisQueueClient): Promise<void> {
  await client.enqueue('work', 'held');
  await eventually(async () => expect(await rig.queue('work').held()).toBe(1));
}

async function failureOf(call: PromiseLike<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function callsOf(...commands: readonly string[]): Promise<Record<string, number>> {
  const stats = await rig.commands.info('commandstats');
  const calls = (command: string): number =>
    Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
  return Object.fromEntries(commands.map((command) => [command, calls(command)]));
}

describe('a queue with maxLength', () => {
  test('refuses what is beyond it, and says how long the queue is and what to do', async () => {
    const gate = new Gate();
    await serve(2, gate);
    const client = rig.client();
    await occupy(client);
    await client.enqueueMany('work', [1, 2]);

    const error = await failureOf(client.enqueue('work', 3));

    expect(error).toBeInstanceOf(QueueFullError);
    expect(error).toMatchObject({ code: 'QUEUE_FULL', queue: 'work', length: 2, maxLength: 2 });
    expect(error).toHaveProperty(
      'message',
      'The queue "work" is full: 2 messages wait, and its maxLength is 2. Nothing was sent. Send again later, wait for ' +
        'room with waitForRoomMs, or let its servers take more: with more replicas, or with a higher maxLength.',
    );
    gate.open();
    await eventually(async () => expect(await rig.queue('work').waiting()).toEqual([]));
    await client.enqueue('work', 4);
  });

  test('is never longer, whatever the number of senders', async () => {
    const gate = new Gate();
    await serve(30, gate);
    const clients = [rig.client(), rig.client(), rig.client(), rig.client()];
    const sent = await Promise.allSettled(
      clients.flatMap((client) =>
        Array.from({ length: 25 }, (_, index) => Promise.resolve(client.enqueue('work', index))),
      ),
    );
    const held = sent.filter(({ status }) => status === 'fulfilled').length;
    const waiting = (await rig.queue('work').waiting()).length;
    expect(waiting).toBe(30);
    // The server took one before or after the queue was full.
    expect([30, 31]).toContain(held);
    gate.open();
  });

  test('enqueueMany says which messages it has no room for', async () => {
    const gate = new Gate();
    await serve(3, gate);
    const client = rig.client();
    await occupy(client);

    const error = await failureOf(client.enqueueMany('work', ['a', 'b', 'c', 'd', 'e']));

    expect(error).toBeInstanceOf(IncompleteError);
    const { failures, results } = error as IncompleteError; // the line above asserts it
    expect(failures.map(({ index }) => index)).toEqual([3, 4]);
    expect(failures[0]?.error).toBeInstanceOf(QueueFullError);
    expect(results).toHaveLength(3);
    gate.open();
  });

  test('refuses requests and delayed messages as well', async () => {
    const gate = new Gate();
    await serve(1, gate);
    const client = rig.client();
    await occupy(client);
    await client.enqueue('work', 'delayed', { delayMs: 60_000 });

    expect(await failureOf(firstValueFrom(client.send('work', 1)))).toBeInstanceOf(QueueFullError);
    const record = new RedisQueueRecordBuilder(1).delay(1_000).build();
    expect(await failureOf(client.enqueue('work', record))).toBeInstanceOf(QueueFullError);
    gate.open();
    await rig.commands.del(rig.queue('work').waitingKey.replace('waiting', 'delayed'));
  });

  test('tells a sender how full it is', async () => {
    const gate = new Gate();
    const client = rig.client();
    expect(await client.length('work')).toEqual({
      length: 0,
      maxLength: undefined,
      isFull: false,
      isEmpty: true,
    });
    await serve(2, gate);
    await occupy(client);
    expect(await client.length('work')).toMatchObject({ length: 0, maxLength: 2, isEmpty: true });
    await client.enqueueMany('work', [1, 2]);
    expect(await client.length('work')).toEqual({
      length: 2,
      maxLength: 2,
      isFull: true,
      isEmpty: false,
    });
    gate.open();
  });

  test('that two servers bound differently has the later bound, and the log names both', async () => {
    await serve(5);
    await serve(9);
    expect(rig.logs.matching('warn', /maxLength is 9 here and 5 there/)).toHaveLength(1);
    expect(await rig.client().length('work')).toMatchObject({ maxLength: 9 });
  });
});

describe('waitForRoomMs', () => {
  test('has a call wait for room, and keeps the order of those that wait', async () => {
    const handled: unknown[] = [];
    const first = new Gate();
    const handler = async (data: unknown): Promise<void> => {
      if (data === 'held') await first.opened;
      handled.push(data);
    };
    const options = { maxLength: 3, concurrency: 1 };
    await rig.serve({ controllers: [controllerOf('work', handler, { options })] });
    const client = rig.client();
    await occupy(client);
    const numbers = Array.from({ length: 20 }, (_, index) => index);

    const call = client.enqueueMany('work', numbers, { waitForRoomMs: 30_000 });
    const last = client.enqueue(
      'work',
      new RedisQueueRecordBuilder('last').waitForRoom(30_000).build(),
    );
    await eventually(async () => expect(await rig.queue('work').waiting()).toHaveLength(3));
    first.open();

    expect(await call).toHaveLength(20);
    await last;
    await eventually(() => expect(handled).toEqual(['held', ...numbers, 'last']));
  });

  test('ends with QueueFullError if there is no room in time', async () => {
    const gate = new Gate();
    await serve(1, gate);
    const client = rig.client();
    await occupy(client);
    await client.enqueue('work', 1);
    const beganAt = performance.now();

    expect(await failureOf(client.enqueue('work', 2, { waitForRoomMs: 300 }))).toBeInstanceOf(
      QueueFullError,
    );

    expect(performance.now() - beganAt).toBeGreaterThanOrEqual(299);
    gate.open();
  });

  test('lets a request wait, within its own time', async () => {
    const gate = new Gate();
    await serve(1, gate);
    const client = rig.client();
    await occupy(client);
    await client.enqueue('work', 1);

    const late = firstValueFrom(client.send('work', 2, { waitForRoomMs: 60_000, timeoutMs: 300 }));
    expect(await failureOf(late)).toBeInstanceOf(RequestTimeoutError);

    const call = firstValueFrom(client.send('work', 3, { waitForRoomMs: 60_000 }), {
      defaultValue: 'nothing',
    });
    gate.open();
    expect(await call).toBe('nothing');
  });

  test('is given up when the client is closed', async () => {
    const gate = new Gate();
    await serve(1, gate);
    const client = rig.client();
    await occupy(client);
    await client.enqueue('work', 1);
    const call = failureOf(client.enqueue('work', 2, { waitForRoomMs: 60_000 }));
    const beganAt = performance.now();

    await client.close();

    // As long as every call that is under way may take.
    expect(performance.now() - beganAt).toBeGreaterThan(4_900);

    expect(await call).toBeInstanceOf(QueueFullError);
    gate.open();
  });
});

describe('a queue without maxLength', () => {
  test('costs a sender no further command', async () => {
    const client = rig.client();
    // Else the client also looks up, at any time, who takes it.
    await rig.commands.hset(`${rig.prefix}:queues`, 'work', 'served');
    await client.enqueue('work', 'first');
    const before = await callsOf('rpush', 'eval', 'evalsha', 'hget');
    const beganAt = performance.now();
    for (let sent = 0; sent < 200; sent += 1) await client.enqueue('work', sent);
    const seconds = Math.ceil((performance.now() - beganAt) / 1_000);
    const after = await callsOf('rpush', 'eval', 'evalsha', 'hget');

    expect(after['rpush']! - before['rpush']!).toBe(200);
    // Once a second, a script takes the place of the plain command.
    const scripts = after['eval']! + after['evalsha']! - before['eval']! - before['evalsha']!;
    expect(scripts).toBeLessThanOrEqual(seconds);
    expect(after['hget']! - before['hget']!).toBe(scripts);
  });
});

describe('the option maxLength', () => {
  test.each([
    [{ maxLength: 0 }, 'maxLength must be a whole number of messages ≥ 1, got 0'],
    [{ maxLength: '10' }, 'maxLength must be a whole number of messages ≥ 1, got "10"'],
  ])('is checked: %j', async (options, text) => {
    const controllers = [controllerOf('work', () => undefined, { options: options as never })];
    await expect(rig.serve({ controllers })).rejects.toThrow(text);
  });
});
