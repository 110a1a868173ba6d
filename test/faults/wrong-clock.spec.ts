import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { RedisQueueContext, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';

const rig = nestRig();
const HOUR_MS = 3_600_000;
const RealDate = Date;

/** A wall clock that is an hour fast and an hour slow in turns, from one reading to the next. */
function jumpingClock(): typeof Date {
  let readings = 0;
  const now = (): number => RealDate.now() + (readings++ % 2 === 0 ? HOUR_MS : -HOUR_MS);
  return new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
    get: (target, property) =>
      property === 'now' ? now : (Reflect.get(target, property) as unknown),
  });
}

beforeEach(() => {
  globalThis.Date = jumpingClock();
});

afterEach(() => {
  globalThis.Date = RealDate;
});

test('the clock that jumps is really in force', () => {
  expect(Math.abs(Date.now() - Date.now())).toBeGreaterThan(HOUR_MS);
});

test('a process clock that is wrong and jumps changes no delay, no expiry and no lease', async () => {
  const handled: { name: string; atMs: number; attempt: number; sentAt: Date | undefined }[] = [];

  @Controller()
  class Work {
    @MessagePattern('work')
    async work(@Payload() name: string, @Ctx() context: RedisQueueContext): Promise<string> {
      const attempt = context.getAttempt();
      // Longer than the lease, so that it is kept only by renewing.
      if (name === 'long')
        await eventually(() => expect(performance.now()).toBeGreaterThan(longUntil), 10_000);
      handled.push({ name, atMs: performance.now(), attempt, sentAt: context.getSentAt() });
      return name;
    }
  }

  await rig.serve({ controllers: [Work] }, { leaseMs: 1_000 });
  await rig.serve({ controllers: [Work] }, { leaseMs: 1_000 });
  const client = rig.client();
  const startedAt = performance.now();
  const longUntil = startedAt + 3_000;
  const enqueue = (record: RedisQueueRecordBuilder<string>): Promise<unknown> =>
    lastValueFrom(client.enqueue('work', record.build()));
  await enqueue(new RedisQueueRecordBuilder('long'));
  await enqueue(new RedisQueueRecordBuilder('delayed').delay(1_500));
  await enqueue(new RedisQueueRecordBuilder('expires').delay(200).expiresIn(30_000));
  await enqueue(new RedisQueueRecordBuilder('expired').delay(500).expiresIn(100));
  expect(await lastValueFrom(client.send('work', 'asked'))).toBe('asked');

  await eventually(() =>
    expect(handled.map(({ name }) => name).sort()).toEqual(['asked', 'delayed', 'expires', 'long']),
  );
  const timeOf = (name: string): number =>
    (handled.find((one) => one.name === name)?.atMs ?? 0) - startedAt;
  expect(timeOf('delayed')).toBeGreaterThanOrEqual(1_490);
  expect(timeOf('delayed')).toBeLessThan(3_000);
  expect(handled.every(({ attempt }) => attempt === 1)).toBe(true);
  expect(handled.every(({ sentAt }) => Math.abs(Number(sentAt) - RealDate.now()) < 60_000)).toBe(
    true,
  );
  expect(rig.logs.matching('warn', /lease|took/i)).toEqual([]);
  await eventually(async () => expect(await rig.queue('work').expired()).toBe(1));
}, 30_000);
