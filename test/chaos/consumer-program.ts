import 'reflect-metadata';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueContext, RedisQueueServer } from 'nestjs-redis-queue-transport';
import { JournalWriter } from '../support/journal.js';
import { act } from './act.js';
import { JournalLogger } from './journal-logger.js';
import {
  ASK,
  HISTORY,
  LATE_GROUP,
  MAX_CRASHES,
  NEWS,
  PLACED,
  WORK,
  readSettings,
  type Work,
} from './settings.js';

const settings = readSettings();
const journal = new JournalWriter(settings.journal);

const RETRY = { retry: { attempts: 3, delayMs: 50, maxDelayMs: 500 } };
/** Longer than any listener is cut off. */
const RECOVER = { withinMs: 3_600_000 };

@Controller()
class ChaosController {
  @MessagePattern(WORK, { concurrency: 20, ...RETRY })
  work(@Payload() data: Work, @Ctx() context: RedisQueueContext): Promise<void> {
    return act(data, context, journal);
  }

  @MessagePattern(ASK)
  ask(@Payload() id: string): string {
    return id;
  }

  @EventPattern<string>(NEWS)
  hear(@Payload() id: string): void {
    journal.write({ event: 'heard', id });
  }

  @EventPattern<string>(PLACED, { history: HISTORY, recover: RECOVER })
  told(@Payload() { id }: Work): void {
    journal.write({ event: 'told', id });
  }
}

function groupController(group: string): Type {
  const from = group === LATE_GROUP ? 'earliest' : 'new';
  @Controller()
  class GroupController {
    @EventPattern<string>(PLACED, { group, from, concurrency: 10, ...RETRY })
    placed(@Payload() data: Work, @Ctx() context: RedisQueueContext): Promise<void> {
      return act(data, context, journal);
    }
  }
  return GroupController;
}

@Module({ controllers: [ChaosController, ...settings.groups.map(groupController)] })
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
strategy.on('gap', ({ missed }) => journal.write({ event: 'gap', reason: `${missed} missed` }));
const app = await NestFactory.createMicroservice(ChaosModule, {
  strategy,
  logger: new JournalLogger(journal),
});
app.enableShutdownHooks();
// The run is gone, however it ended.
process.on('disconnect', () => process.exit(1));
process.once('SIGTERM', () => journal.write({ event: 'stop' }));
await app.listen();
process.send?.('ready');
