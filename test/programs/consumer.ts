import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { RedisQueueContext, RedisQueueServer } from 'nestjs-redis-queue-transport';
import { JournalWriter } from '../support/journal.js';
import type { ConsumerSettings, TestMessage } from '../support/consumer-process.js';

/** A service of one handler that a test can kill, stop and look at: it does what its messages say. */
const settings = JSON.parse(process.argv[2] ?? '') as ConsumerSettings; // from ConsumerProcess
const journal = new JournalWriter(settings.journal);
let letGo: () => void = () => undefined;
const released = new Promise<void>((resolve) => {
  letGo = resolve;
});

@Controller()
class TestController {
  @MessagePattern(settings.queue)
  async handle(@Payload() data: TestMessage, @Ctx() context: RedisQueueContext): Promise<void> {
    const entry = { id: data.id, attempt: context.getAttempt() };
    journal.write({ event: 'start', ...entry });
    const signal = context.getSignal();
    signal.addEventListener('abort', () => {
      const { code } = signal.reason as { code: string }; // every reason is an error of the library
      journal.write({ event: 'aborted', ...entry, reason: code });
    });
    if (data.kills === true) process.kill(process.pid, 'SIGKILL');
    const blockedUntil = performance.now() + (entry.attempt === 1 ? (data.blocksMs ?? 0) : 0);
    while (performance.now() < blockedUntil);
    if (data.holds === true) await released;
    else await pause(data.workMs ?? 0);
    journal.write({ event: 'end', ...entry });
  }
}

@Module({ controllers: [TestController] })
class TestModule {}

const app = await NestFactory.createMicroservice<MicroserviceOptions>(TestModule, {
  logger: ['error', 'warn'],
  strategy: new RedisQueueServer({
    connection: settings.url,
    prefix: settings.prefix,
    leaseMs: settings.leaseMs,
    ...settings.options,
  }),
});
app.enableShutdownHooks();
process.on('message', () => letGo());
// The test is gone, however it ended.
process.on('disconnect', () => process.exit(1));
process.once('SIGTERM', () => journal.write({ event: 'stop', id: '', attempt: 0 }));
await app.listen();
process.send?.('ready');
