import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { expect, test } from '@jest/globals';
import {
  DeadLetter,
  RedisQueueAdmin,
  RedisQueueContext,
  RedisQueueRecordBuilder,
  RedisRefusedError,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';

const rig = nestRig({ settings: { 'maxmemory-policy': 'noeviction' } });

const MESSAGES = 300;

test('a full Redis refuses new messages with a typed error, while consumers drain it empty', async () => {
  const handled: number[] = [];
  const attempts = new Map<number, number>();

  @Controller()
  class Work {
    @MessagePattern('work', { concurrency: 5, retry: { attempts: 3, delayMs: 20 } })
    work(@Payload() number: number, @Ctx() context: RedisQueueContext): void {
      attempts.set(number, context.getAttempt());
      if (number % 10 === 3 && context.getAttempt() === 1) throw new Error('fails the first time');
      if (number % 10 === 7) throw new DeadLetter('of no use');
      handled.push(number);
    }

    @MessagePattern('ask')
    ask(@Payload() number: number): number {
      return number * 2;
    }
  }

  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  const client = rig.client({ requestTimeoutMs: 20_000 });
  await admin.pause('work');
  await admin.pause('ask');
  const app = await rig.serve({ controllers: [Work] });
  for (let number = 0; number < MESSAGES; number += 1) {
    await lastValueFrom(client.enqueue('work', number));
  }
  const answer = lastValueFrom(client.send<number>('ask', 21));
  await eventually(async () => expect((await admin.lengths('ask')).waiting).toBe(1));

  // One byte is less than any Redis uses: from here on it is full, however much the consumers free.
  await rig.commands.config('SET', 'maxmemory', '1');
  const refusal = await lastValueFrom(client.enqueue('work', -1)).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(RedisRefusedError);
  expect(refusal).toMatchObject({ code: 'REDIS_REFUSED', reply: 'OOM' });
  const delayed = new RedisQueueRecordBuilder(-2).id('d').delay(10).deduplicate(1_000).build();
  await expect(lastValueFrom(client.enqueue('work', delayed))).rejects.toMatchObject({
    reply: 'OOM',
  });

  await admin.resume('ask');
  expect(await answer).toBe(42);
  await admin.resume('work');
  await eventually(async () => {
    const { waiting, delayed, processing } = await admin.lengths('work');
    expect({ waiting, delayed, processing }).toEqual({ waiting: 0, delayed: 0, processing: 0 });
  }, 20_000);
  expect(new Set(handled).size).toBe(MESSAGES * 0.9);
  expect(handled.length).toBe(MESSAGES * 0.9);
  expect((await admin.lengths('work')).dead).toBe(MESSAGES * 0.1);
  expect(
    [...attempts].filter(([number]) => number % 10 === 3).every(([, attempt]) => attempt === 2),
  ).toBe(true);

  // A consumer that starts while Redis is full can join as well.
  await app.close();
  await rig.serve({ controllers: [Work] });
  await rig.commands.config('SET', 'maxmemory', '0');
  expect(await lastValueFrom(client.send<number>('ask', 4))).toBe(8);
}, 60_000);
