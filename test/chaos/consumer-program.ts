import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  DeadLetter,
  RedisQueueContext,
  RedisQueueServer,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import { LedgerFile } from './ledger-file.js';
import { ASK, MAX_CRASHES, NEWS, WORK, readSettings, type Work } from './settings.js';

const settings = readSettings();
const ledger = new LedgerFile(settings.ledger);

@Controller()
class ChaosController {
  @MessagePattern(WORK, { concurrency: 20, retry: { attempts: 3, delayMs: 50, maxDelayMs: 500 } })
  async work(@Payload() { id, behaviour }: Work, @Ctx() context: RedisQueueContext): Promise<void> {
    ledger.write('start', id, String(context.getAttempt()));
    switch (behaviour) {
      case 'finish':
        break;
      case 'takeTime':
        await pause(50);
        break;
      case 'failOnce':
        if (context.getAttempt() === 1) throw new Error('fails the first time');
        break;
      case 'failAlways':
        throw new Error('fails each time');
      case 'retryLater':
        if (context.getAttempt() < 3) throw new RetryLater({ delayMs: 100 });
        break;
      case 'reject':
        throw new DeadLetter('of no use');
    }
    ledger.write('end', id);
  }

  @MessagePattern(ASK)
  ask(@Payload() id: string): string {
    return id;
  }

  @EventPattern<string>(NEWS)
  hear(@Payload() id: string): void {
    ledger.write('heard', id);
  }
}

@Module({ controllers: [ChaosController] })
class ChaosModule {}

const strategy = new RedisQueueServer({
  connection: settings.redisUrl,
  prefix: settings.prefix,
  leaseMs: settings.leaseMs,
  maxCrashes: MAX_CRASHES,
  // The verdict needs every dead letter of a run, however long it is.
  deadLetterLimit: 10_000_000,
  shutdownTimeoutMs: 1_000,
  connectTimeoutMs: 60_000,
});
const app = await NestFactory.createMicroservice(ChaosModule, {
  strategy,
  logger: ['error', 'warn'],
});
app.enableShutdownHooks();
await app.listen();
process.send?.('ready');
