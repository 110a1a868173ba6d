import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { RedisQueueContext, RedisQueueServer } from 'nestjs-redis-queue-transport';
import { JournalWriter } from '../support/journal.js';

/** One replica of a group. It notes the events that it handles. */
export interface GroupReplicaSettings {
  readonly url: string;
  readonly prefix: string;
  readonly pattern: string;
  readonly group: string;
  /** Where it begins when it is new. Default: with new events. */
  readonly from?: 'earliest';
  readonly journal: string;
  readonly leaseMs: number;
  readonly concurrency: number;
  readonly workMs: number;
}

const settings = JSON.parse(process.argv[2] ?? '') as GroupReplicaSettings; // from the test
const journal = new JournalWriter(settings.journal);
const { url, prefix, group, leaseMs, concurrency } = settings;

@Controller()
class ReplicaController {
  @EventPattern<string>(settings.pattern, { durable: true, from: settings.from })
  async handle(@Payload() data: { id: string }, @Ctx() context: RedisQueueContext): Promise<void> {
    const entry = { id: data.id, attempt: context.getAttempt() };
    journal.write({ event: 'start', ...entry });
    await pause(settings.workMs);
    journal.write({ event: 'end', ...entry });
  }
}

@Module({ controllers: [ReplicaController] })
class ReplicaModule {}

const strategy = new RedisQueueServer({
  connection: url,
  prefix,
  group,
  leaseMs,
  concurrency,
  maxCrashes: 1_000, // there may be many rounds, and a message that is hit in each is not to blame
});
const app = await NestFactory.createMicroservice<MicroserviceOptions>(ReplicaModule, {
  logger: ['error', 'warn'],
  strategy,
});
app.enableShutdownHooks();
process.on('disconnect', () => process.exit(1));
await app.listen();
process.send?.('ready');
