import 'reflect-metadata';
import { setTimeout } from 'node:timers/promises';
import { Controller, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';

interface Reading {
  readonly meter: number;
  readonly kWh: number;
}

// #region billing
/** Stands for a billing system that takes 20 readings a second, and falls over when it gets more. */
@Injectable()
class Billing {
  count = 0;

  async enter(_reading: Reading): Promise<void> {
    await setTimeout(10);
    this.count += 1;
  }
}
// #endregion billing

// #region handler
const PAUSE_MS = 50;

@Controller()
class ReadingController {
  constructor(
    private readonly billing: Billing,
    private readonly admin: RedisQueueAdmin,
  ) {}

  // One at a time, and each for at least 50 ms: no more than 20 a second, whatever came in.
  @MessagePattern('meter.reading', { concurrency: 1 })
  async enter(@Payload() reading: Reading): Promise<void> {
    await Promise.all([this.billing.enter(reading), setTimeout(PAUSE_MS)]);
    if (this.billing.count % 20 === 0) await this.#tell();
  }

  async #tell(): Promise<void> {
    const { waiting } = await this.admin.lengths('meter.reading');
    console.log(`${this.billing.count} readings entered, ${waiting} wait`);
  }
}
// #endregion handler

@Module({
  imports: [RedisQueueModule.register({ connection })],
  controllers: [ReadingController],
  providers: [Billing],
})
class BillingModule {}

async function serve(): Promise<void> {
  const app = await NestFactory.createMicroservice(BillingModule, {
    strategy: new RedisQueueServer({ connection }),
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  console.log('billing is ready');
}

// #region midnight
/** All meters report at once. Redis holds their readings, whatever billing does. */
async function midnight(client: RedisQueueClient, meters: number): Promise<void> {
  const readings = Array.from({ length: meters }, (_, meter): Reading => ({ meter, kWh: 12.5 }));
  const held = await client.enqueueMany('meter.reading', readings);
  console.log(`${held.length} readings are held`);
}
// #endregion midnight

const [, , role = 'billing', meters = '100'] = process.argv;
if (role === 'billing') {
  await serve();
} else {
  const app = await NestFactory.createApplicationContext(BillingModule, {
    logger: ['error', 'warn'],
  });
  await midnight(app.get(RedisQueueClient), Number(meters));
  await app.close();
}
