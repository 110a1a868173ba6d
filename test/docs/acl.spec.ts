import 'reflect-metadata';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { startRedis, type LocalRedis } from 'local-redis';
import {
  DeadLetter,
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueRecordBuilder,
  RedisQueueServer,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { codeBlocks, readText } from './markdown.js';

let events = 0;

@Controller()
class EveryWayController {
  @MessagePattern('works', { once: { windowMs: 60_000 } })
  works(): string {
    return 'done';
  }

  @MessagePattern('dies')
  dies(): void {
    throw new DeadLetter('on purpose');
  }

  @MessagePattern('comes.back')
  comesBack(@Ctx() context: RedisQueueContext): void {
    if (context.getAttempt() === 1) throw new RetryLater({ delayMs: 10 });
  }

  @EventPattern<string>('happened')
  happened(): void {
    events += 1;
  }

  @EventPattern<string>('happened.*', { history: { maxLength: 10, maxAgeMs: 60_000 } })
  happenedAnyhow(): void {
    events += 1;
  }

  @EventPattern<string>('happened.*', { group: 'group', from: 'earliest' })
  happenedToAGroup(): void {
    events += 1;
  }
}

@Module({ controllers: [EveryWayController] })
class EveryWayModule {}

let redis: LocalRedis;
let operator: Redis;
let acl: string[];
let open: { close(): Promise<void> }[];

beforeAll(async () => {
  redis = await startRedis();
  operator = new Redis(redis.url);
  const blocks = codeBlocks(await readText('docs/architecture.md'));
  acl = (blocks.find(({ language }) => language === 'acl')?.text ?? '').split(/\s+/);
});

afterAll(async () => {
  operator.disconnect();
  await redis.stop();
});

beforeEach(async () => {
  events = 0;
  open = [];
  await operator.flushall();
  await operator.script('FLUSH');
});

afterEach(() => Promise.all(open.map((resource) => resource.close())));

/** Does, over the given URL, everything that makes the library issue a command. */
async function doEverything(url: string): Promise<void> {
  const options = { connection: url, prefix: 'rq' };
  const client = new RedisQueueClient({ ...options, parkAboveBytes: 1_000 });
  const admin = new RedisQueueAdmin(options);
  open.push(client, admin);
  const enqueue = (pattern: string, id: string): RedisQueueRecordBuilder<object> =>
    new RedisQueueRecordBuilder({ pattern }).id(id);
  const push = (pattern: string, record: RedisQueueRecordBuilder<object>): Promise<unknown> =>
    firstValueFrom(client.enqueue(pattern, record.build()));

  await push('works', enqueue('works', 'too-late').expiresIn(1));
  await eventually(async () => expect(await redisTimeMs()).toBeGreaterThan(await sentAtMs()));
  await pretendCrash('works');

  const server = new RedisQueueServer({ ...options, leaseMs: 1_000 });
  const app = await NestFactory.createMicroservice(EveryWayModule, {
    strategy: server,
    logger: false,
  });
  open.push(app);
  await app.listen();
  await push('works', enqueue('works', 'once').deduplicate(60_000));
  await push('comes.back', enqueue('comes.back', 'again').delay(10));
  await push('dies', new RedisQueueRecordBuilder({ text: 'x'.repeat(1_000) }).id('dead'));
  expect(await firstValueFrom(client.send('works', {}))).toBe('done');
  await firstValueFrom(client.emit('happened', {}));
  await eventually(() => expect(events).toBe(1));
  const once = enqueue('happened.durably', 'event').deduplicate(60_000).build();
  await firstValueFrom(client.emit('happened.durably', once));
  await eventually(() => expect(events).toBe(3));
  await leaveStray('works');
  await eventually(async () => {
    const { waiting, processing, delayed, expired } = await admin.lengths('works');
    expect(await admin.overview()).not.toEqual([]);
    expect([waiting, processing, delayed, expired]).toEqual([0, 0, 0, 1]);
    expect((await admin.lengths('comes.back')).delayed).toBe(0);
    expect(await operator.zcard('rq:{works}:fenced')).toBe(1);
  });

  await takeLate('works');
  await useAdmin(admin, client);
  await app.close();
}

async function useAdmin(admin: RedisQueueAdmin, client: RedisQueueClient): Promise<void> {
  await eventually(async () => expect((await admin.lengths('dies')).dead).toBe(1));
  const { letters } = await admin.deadLetters('dies');
  expect(await admin.redrive('dies', letters[0]!.entry)).toBe(true);
  await eventually(async () => expect((await admin.lengths('dies')).dead).toBe(1));
  expect(await admin.deleteDeadLetters('dies')).toBe(1);
  expect(await admin.queues()).toEqual(['@group/happened.*', 'comes.back', 'dies', 'works']);
  await useEventAdmin(admin);

  await admin.pause('works');
  const later = new RedisQueueRecordBuilder({}).delay(60_000).build();
  await firstValueFrom(client.enqueue('works', later));
  expect(await admin.delayed('works')).toHaveLength(1);
  expect(await admin.advanceDelayed('works')).toBe(1);
  await admin.peek('works');
  await admin.purge('works');
  await admin.resume('works');
}

async function useEventAdmin(admin: RedisQueueAdmin): Promise<void> {
  await admin.declare('happened.*', { groups: ['other'] });
  expect((await admin.groups()).groups).toHaveLength(2);
  expect((await admin.history('happened.*')).events).toHaveLength(1);
  expect(await admin.replay('happened.*', 'other')).toBe(1);
  await admin.retire('happened.*', 'other', { waiting: 'drop' });
  await admin.endHistory('happened.*', { entries: 'drop' });
  await admin.forgetListeners('happened.*');
}

/** A consumer that is gone, with a message in its hands. */
async function pretendCrash(queue: string): Promise<void> {
  await operator.rpush(`rq:{${queue}}:processing:gone`, '{}');
  await operator.zadd(`rq:{${queue}}:consumers`, 1, 'gone');
}

/** What a command brings that the network held back until its consumer was gone. */
async function takeLate(queue: string): Promise<void> {
  await operator.rpush(`rq:{${queue}}:processing:gone`, '{}');
  await eventually(async () =>
    expect(await operator.llen(`rq:{${queue}}:processing:gone`)).toBe(0),
  );
}

/** What a lost answer leaves behind. */
async function leaveStray(queue: string): Promise<void> {
  const consumers = await operator.zrange(`rq:{${queue}}:consumers`, 0, '-1');
  for (const consumer of consumers.filter((name) => name !== 'gone')) {
    await operator.rpush(`rq:{${queue}}:processing:${consumer}`, '{}');
  }
}

async function redisTimeMs(): Promise<number> {
  const [seconds, microseconds] = await operator.time();
  return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
}

/** When the first message expires. */
async function sentAtMs(): Promise<number> {
  const [element = '{}'] = await operator.lrange('rq:{works}:waiting', 0, 0);
  return Number((JSON.parse(element.split('\n')[0] ?? '') as { expiresAt: number }).expiresAt);
}

describe('the Redis user of docs/architecture.md', () => {
  test('may do all that the library does', async () => {
    await operator.call(acl[0]!, ...acl.slice(1));
    await operator.call('ACL', 'LOG', 'RESET');

    await doEverything(`redis://shop:secret@127.0.0.1:${redis.port}`);

    expect(await operator.call('ACL', 'LOG')).toEqual([]);
  });

  test('may do nothing else', async () => {
    await operator.config('RESETSTAT');

    await doEverything(redis.url);

    const statistics = await operator.info('commandstats');
    const ours = /^cmdstat_(config\|resetstat|flushall|script\|flush)$/;
    const called = [...statistics.matchAll(/^(cmdstat_[^:]+):/gm)]
      .map(([, name = '']) => name)
      .filter((name) => !ours.test(name))
      .map((name) => name.replace('cmdstat_', ''));
    const allowed = acl.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1));
    // PING comes every five seconds, which is longer than this test takes.
    expect(allowed.toSorted()).toEqual([...new Set([...called, 'ping'])].toSorted());
  });
});
