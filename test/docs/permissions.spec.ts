import 'reflect-metadata';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueRecordBuilder,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';
import { firstValueFrom, interval, lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { codeBlocks, readText } from './markdown.js';

@Controller()
class EchoController {
  @MessagePattern('echo')
  echo(data: string): string {
    return data;
  }

  @MessagePattern('ticks')
  ticks(): Observable<number> {
    return interval(5);
  }
}

@Module({ controllers: [EchoController] })
class EchoModule {}

let redis: LocalRedis;
let operator: Redis;
/** Of the producer. */
let acl: string[];
let open: { close(): Promise<unknown> }[];

beforeAll(async () => {
  redis = await startRedis();
  operator = new Redis(redis.url);
  const blocks = codeBlocks(await readText('docs/permissions.md'));
  for (const { text } of blocks.filter(({ language }) => language === 'acl')) {
    acl = text.match(/\([^)]*\)|\S+/g) ?? [];
    await operator.call(acl[0]!, ...acl.slice(1));
  }
});

afterAll(async () => {
  operator.disconnect();
  await redis.stop();
});

beforeEach(async () => {
  open = [];
  await operator.flushall();
  await operator.call('ACL', 'LOG', 'RESET');
});

afterEach(async () => {
  for (const each of open.reverse()) await each.close();
});

function url(user: string): string {
  return `redis://${user}:secret@127.0.0.1:${redis.port}`;
}

async function serve(): Promise<void> {
  const strategy = new RedisQueueServer({ connection: redis.url });
  const app = await NestFactory.createMicroservice(EchoModule, { strategy, logger: false });
  open.push(app);
  await app.listen();
}

async function produceEverything(connectTimeoutMs = 5_000): Promise<void> {
  const admin = new RedisQueueAdmin({ connection: redis.url });
  const client = new RedisQueueClient({
    connection: url('producer'),
    parkAboveBytes: 1_000,
    connectTimeoutMs,
  });
  open.push(admin, client);
  await admin.declare('placed', { groups: ['billing'], history: { maxLength: 10, maxAgeMs: 1e6 } });
  const large = { text: 'x'.repeat(2_000) };
  const once = new RedisQueueRecordBuilder(large).id('a').deduplicate(60_000).build();
  const later = new RedisQueueRecordBuilder(large).delay(60_000).build();
  await lastValueFrom(client.enqueue('later', later));
  for (const data of ['plain', large, once]) await lastValueFrom(client.enqueue('work', data));
  expect(await lastValueFrom(client.send('echo', 'a'))).toBe('a');
  expect(await firstValueFrom(client.send('ticks', {}))).toBe(0);
  await eventually(async () => expect(await operator.keys('rq:{reply:*}:refused')).not.toEqual([]));
  for (const data of ['plain', large, once]) await lastValueFrom(client.emit('placed', data));
  await lastValueFrom(client.emit('live', 'a'));
}

test('the producer of docs/permissions.md may do all that a client does', async () => {
  await serve();
  await produceEverything();
  expect(await operator.call('ACL', 'LOG')).toEqual([]);
});

test('the producer has no permission that no client needs', async () => {
  const root = acl.slice(
    0,
    acl.findIndex((word) => word.startsWith('(')),
  );
  const needless: string[] = [];
  await serve();
  // PING comes from nobody here, and without INFO and HELLO ioredis goes on.
  for (const word of root.filter((each) => /^\+(?!ping|info|hello)/.test(each))) {
    await operator.call('ACL', 'SETUSER', 'producer', word.replace('+', '-'));
    await operator.call('ACL', 'LOG', 'RESET');
    const failure: unknown = await produceEverything(300).catch((error: unknown) => error);
    const log = await operator.call('ACL', 'LOG');
    if (failure === undefined && Array.isArray(log) && log.length === 0) needless.push(word);
    await operator.call('ACL', 'SETUSER', 'producer', word);
  }
  expect(needless).toEqual([]);
});

test('the producer can neither take, nor remove, nor read what waits, nor act as a consumer', async () => {
  await serve();
  await produceEverything();
  const producer = new Redis(url('producer'));
  open.push({ close: () => producer.quit() });
  const waiting = 'rq:{work}:waiting';
  const tries: [string, ...string[]][] = [
    ['LPOP', waiting],
    ['LRANGE', waiting, '0', '-1'],
    ['LTRIM', waiting, '1', '0'],
    ['DEL', waiting],
    ['UNLINK', waiting],
    ['LMOVE', waiting, 'rq:{x}:waiting', 'LEFT', 'RIGHT'],
    ['RENAME', waiting, 'rq:{x}:waiting'],
    ['SET', waiting, 'x'],
    ['PEXPIRE', waiting, '1'],
    ['ZREMRANGEBYSCORE', 'rq:{later}:delayed', '-inf', '+inf'],
    ['HSET', 'rq:groups', '@me/placed', '1'],
    ['RPUSH', 'rq:{reply:somebody}:replies', 'x'],
    ['PUBLISH', 'rq:other', 'x'],
    ['ZREMRANGEBYRANK', 'rq:{later}:delayed', '0', '-1'],
    ['HDEL', 'rq:groups', '@billing/placed'],
    ['ZADD', 'rq:{work}:consumers', '1', 'me'],
    ['HINCRBY', 'rq:groups', 'version', '1'],
    ['RPUSH', 'rq:{work}:processing:me', 'x'],
    ['XRANGE', 'rq:{work}:dead', '-', '+'],
    ['SET', 'rq:{work}:paused', '1'],
    ['FLUSHALL'],
    ['EVAL', "return redis.call('LPOP', KEYS[1])", '1', waiting],
  ];
  for (const [command, ...words] of tries)
    await expect(producer.call(command, ...words).then(() => command)).rejects.toThrow(
      /NOPERM|can't run|can't access/,
    );
});
