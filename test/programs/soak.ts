import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import {
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueServer,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';

/**
 * Sends all kinds of messages through one process whose connections are killed again and again. After each round it
 * tells its parent what it holds: bytes of heap after a collection, connections, and keys in Redis.
 *
 * Arguments: URL of Redis, rounds. Needs --expose-gc.
 */
const [, , url = '', rounds = '0'] = process.argv;
const MESSAGES = 200;
const MESSAGES_WITH_KEYS = 100;
/** In each burst other ones. */
const KEYS = 20;
const ROOM_WITHIN_MS = 10_000;
/** Nothing but these is left of the queue of keys when nothing waits. */
const LASTING = /:(consumers|fenced|roles|counts|terms|levels|sleepers)$/;

let handled = 0;
let handledOfKeys = 0;

@Controller()
class SoakController {
  @MessagePattern('work')
  work(@Payload() number: number): number {
    handled += 1;
    return number;
  }

  @MessagePattern('keyed', {
    limit: { running: 5 },
    perKey: { rate: 50, perMs: 100 },
    maxLength: 50,
  })
  keyed(@Payload() number: number, @Ctx() context: RedisQueueContext): void {
    if (number % 10 === 0 && context.getAttempt() === 1) throw new RetryLater({ delayMs: 10 });
    handledOfKeys += 1;
  }

  @EventPattern<string>('news')
  hear(): void {
    // Only the delivery costs something.
  }
}

@Module({ controllers: [SoakController] })
class SoakModule {}

const strategy = new RedisQueueServer({ connection: url, prefix: 'soak', leaseMs: 2_000 });
const app = await NestFactory.createMicroservice(SoakModule, { strategy, logger: false });
await app.listen();
const client = new RedisQueueClient({ connection: url, prefix: 'soak', requestTimeoutMs: 5_000 });
const admin = new Redis(url);

/** Calls that a killed connection takes with it are part of the exercise. */
async function attempt(call: Promise<unknown>): Promise<void> {
  await call.catch(() => undefined);
}

let bursts = 0;

async function traffic(): Promise<void> {
  const calls: Promise<void>[] = [];
  bursts += 1;
  for (let number = 0; number < MESSAGES_WITH_KEYS; number += 1) {
    const key = `${bursts}-${number % KEYS}`;
    const terms = { key, priority: number % 7, waitForRoomMs: ROOM_WITHIN_MS };
    calls.push(attempt(lastValueFrom(client.enqueue('keyed', number, terms))));
  }
  for (let number = 0; number < MESSAGES; number += 1) {
    calls.push(attempt(lastValueFrom(client.enqueue('work', number))));
    calls.push(attempt(lastValueFrom(client.send('work', number))));
    calls.push(attempt(lastValueFrom(client.emit('news', number), { defaultValue: undefined })));
  }
  await Promise.all(calls);
}

/** Resolves when each message of the queue with keys has come home, and everything of its keys is gone. */
async function untilKeysAreGone(): Promise<void> {
  await eventually(async () => {
    const keys = await admin.keys('soak:{keyed}:*');
    const left = keys.filter((key) => !LASTING.test(key));
    if (left.length > 0)
      throw new Error(`Of a key that nobody uses there is still: ${left.join()}`);
  });
}

async function redisBytes(): Promise<number> {
  const [, bytes] = /used_memory_dataset:(\d+)/.exec(await admin.info('memory')) ?? [];
  return Number(bytes);
}

async function connections(): Promise<number> {
  const clients = String(await admin.call('CLIENT', 'LIST')).split('\n');
  return clients.filter((line) => line.includes(' name=rq-')).length;
}

await traffic(); // opens everything that there will be
const connectionsAtStart = await connections();

for (let round = 0; round < Number(rounds); round += 1) {
  const moving = traffic();
  await admin.call(
    'CLIENT',
    'KILL',
    'TYPE',
    round % 2 === 0 ? 'NORMAL' : 'PUBSUB',
    'SKIPME',
    'yes',
  );
  await moving;
  await traffic();
  await untilKeysAreGone();
  // A connection that nobody needed meanwhile may still be on its way back.
  await eventually(async () => {
    if ((await connections()) < connectionsAtStart) throw new Error('A connection stays away.');
  });
  globalThis.gc?.();
  process.send?.({
    heapBytes: process.memoryUsage().heapUsed,
    connections: await connections(),
    keys: (await admin.keys('*')).filter((key) => !key.includes('processing')).length,
    redisBytes: await redisBytes(),
    handled,
    handledOfKeys,
  });
}

await client.close();
await app.close();
admin.disconnect();
process.disconnect();
