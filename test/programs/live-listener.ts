import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { RedisOptions } from 'ioredis';
import { RedisQueueServer } from 'nestjs-redis-queue-transport';
import { JournalWriter } from '../support/journal.js';

/** A recovering live listener. It notes what it hears, and how many events it missed for good. */
export interface LiveListenerSettings {
  readonly url: string | RedisOptions;
  readonly prefix: string;
  readonly pattern: string;
  readonly journal: string;
  /** The length of the history. */
  readonly maxLength: number;
}

const settings = JSON.parse(process.argv[2] ?? '') as LiveListenerSettings; // from the test
const { url, prefix, pattern, maxLength } = settings;
const journal = new JournalWriter(settings.journal);

@Controller()
class ListenerController {
  @EventPattern<string>(pattern, { history: { maxLength }, recover: { withinMs: 3_600_000 } })
  hear(@Payload() { id }: { id: string }): void {
    journal.write({ event: 'told', id });
  }
}

@Module({ controllers: [ListenerController] })
class ListenerModule {}

const strategy = new RedisQueueServer({ connection: url, prefix });
strategy.on('gap', ({ missed }) => journal.write({ event: 'gap', reason: String(missed) }));
const app = await NestFactory.createMicroservice<MicroserviceOptions>(ListenerModule, {
  logger: ['error', 'warn'],
  strategy,
});
app.enableShutdownHooks();
process.on('disconnect', () => process.exit(1));
await app.listen();
process.send?.('ready');
