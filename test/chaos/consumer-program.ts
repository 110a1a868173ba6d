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
import { JournalWriter } from '../support/journal.js';
import { JournalLogger } from './journal-logger.js';
import { ASK, MAX_CRASHES, NEWS, WORK, readSettings, type Work } from './settings.js';

const settings = readSettings();
const journal = new JournalWriter(settings.journal);

@Controller()
class ChaosController {
  @MessagePattern(WORK, { concurrency: 20, retry: { attempts: 3, delayMs: 50, maxDelayMs: 500 } })
  async work(@Payload() { id, behaviour }: Work, @Ctx() context: RedisQueueContext): Promise<void> {
    const attempt = context.getAttempt();
    journal.write({ event: 'start', id, attempt });
    const signal = context.getSignal();
    signal.addEventListener('abort', () => {
      const { code } = signal.reason as { code: string }; // every reason is an error of the library
      journal.write({ event: 'aborted', id, attempt, reason: code });
    });
    switch (behaviour) {
      case 'finish':
        break;
      case 'takeTime':
        await pause(50);
        break;
      case 'failOnce':
        if (attempt === 1) throw new Error('fails the first time');
        break;
      case 'failAlways':
        throw new Error('fails each time');
      case 'retryLater':
        if (attempt < 3) throw new RetryLater({ delayMs: 100 });
        break;
      case 'reject':
        throw new DeadLetter('of no use');
    }
    journal.write({ event: 'end', id, attempt });
  }

  @MessagePattern(ASK)
  ask(@Payload() id: string): string {
    return id;
  }

  @EventPattern<string>(NEWS)
  hear(@Payload() id: string): void {
    journal.write({ event: 'heard', id });
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
  logger: new JournalLogger(journal, WORK),
});
app.enableShutdownHooks();
// The run is gone, however it ended.
process.on('disconnect', () => process.exit(1));
process.once('SIGTERM', () => journal.write({ event: 'stop' }));
await app.listen();
process.send?.('ready');
