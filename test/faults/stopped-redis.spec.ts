import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { expect, test } from '@jest/globals';
import {
  OutcomeUnknownError,
  RedisUnavailableError,
  RequestTimeoutError,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';

const rig = nestRig();

/** Longer than the deadlines of commands (5 s) and of blocking calls (6.5 s). */
const STOPPED_MS = 9_000;

test('while Redis is stopped requests time out on time, and 2 s after it goes on messages move again', async () => {
  const handled: string[] = [];

  @Controller()
  class Work {
    @MessagePattern('work')
    work(@Payload() name: string): string {
      handled.push(name);
      return name;
    }
  }

  await rig.serve({ controllers: [Work] });
  const client = rig.client({ requestTimeoutMs: 1_000, connectTimeoutMs: 500 });
  expect(await lastValueFrom(client.send('work', 'before'))).toBe('before');

  rig.redis.pause();
  const stoppedAt = performance.now();
  const asked = performance.now();
  await expect(lastValueFrom(client.send('work', 'asked'))).rejects.toBeInstanceOf(
    RequestTimeoutError,
  );
  expect(performance.now() - asked).toBeLessThan(2_000);
  const outcome = await lastValueFrom(client.enqueue('work', 'unknown')).catch(
    (error: unknown) => error,
  );
  expect(outcome instanceof OutcomeUnknownError || outcome instanceof RedisUnavailableError).toBe(
    true,
  );
  await eventually(
    () => expect(performance.now() - stoppedAt).toBeGreaterThan(STOPPED_MS),
    STOPPED_MS * 2,
  );

  rig.redis.resume();
  const resumedAt = performance.now();
  await eventually(async () => {
    await lastValueFrom(client.enqueue('work', 'after'));
    expect(handled).toContain('after');
  }, 20_000);
  expect(performance.now() - resumedAt).toBeLessThan(2_000);
  // What was asked for and given up is not done.
  expect(handled).not.toContain('asked');
}, 60_000);
