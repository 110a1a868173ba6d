import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { RedisOptions } from 'ioredis';
import { RedisQueueContext, RedisQueueServer } from 'nestjs-redis-queue-transport';
import { JournalWriter } from '../support/journal.js';

/** One replica of a group. It notes the events that it handles. */
export interface GroupReplicaSettings {
  readonly url: string | RedisOptions;
  readonly prefix: string;
  readonly pattern: string;
  readonly group: string;
  /** Where it begins when it is new. Default: with new events. */
  readonly from?: 'earliest';
  readonly journal: string;
  readonly leaseMs: number;
  readonly concurrency: number;
  readonly workMs: number;
  /** Its key is what stands in front of the dash in the id of an event. */
  readonly readsKeys?: true;
  /** It kills itself so many ms after it was asked for the key of this event; with -1, before it has told it. */
  readonly dies?: { readonly at: string; readonly inMs: number };
  readonly maxCrashes?: number;
}

const settings = JSON.parse(process.argv[2] ?? '') as GroupReplicaSettings; // from the test
const journal = new JournalWriter(settings.journal);
const { url, prefix, group, leaseMs, concurrency, dies, maxCrashes = 1_000 } = settings;

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

function keyOf({ id }: { id: string }): string | undefined {
  if (id === dies?.at) {
    if (dies.inMs < 0) die();
    else setTimeout(die, dies.inMs);
  }
  return id.split('-')[0];
}

const key = settings.readsKeys && keyOf;

@Controller()
class ReplicaController {
  @EventPattern<string>(settings.pattern, { durable: true, from: settings.from, key })
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
  maxCrashes, // there may be many rounds, and a message that is hit in each is not to blame
});
const app = await NestFactory.createMicroservice<MicroserviceOptions>(ReplicaModule, {
  logger: ['error', 'warn'],
  strategy,
});
app.enableShutdownHooks();
process.on('disconnect', () => process.exit(1));
await app.listen();
process.send?.('ready');
