import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { RedisQueueClient, RedisQueueServer } from 'nestjs-redis-queue-transport';
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

let handled = 0;

@Controller()
class SoakController {
  @MessagePattern('work')
  work(@Payload() number: number): number {
    handled += 1;
    return number;
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

async function traffic(): Promise<void> {
  const calls: Promise<void>[] = [];
  for (let number = 0; number < MESSAGES; number += 1) {
    calls.push(attempt(lastValueFrom(client.enqueue('work', number))));
    calls.push(attempt(lastValueFrom(client.send('work', number))));
    calls.push(attempt(lastValueFrom(client.emit('news', number), { defaultValue: undefined })));
  }
  await Promise.all(calls);
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
  // A connection that nobody needed meanwhile may still be on its way back.
  await eventually(async () => {
    if ((await connections()) < connectionsAtStart) throw new Error('A connection stays away.');
  });
  globalThis.gc?.();
  process.send?.({
    heapBytes: process.memoryUsage().heapUsed,
    connections: await connections(),
    keys: (await admin.keys('*')).filter((key) => !key.includes('processing')).length,
    handled,
  });
}

await client.close();
await app.close();
admin.disconnect();
process.disconnect();
