import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import type { CustomStrategy } from '@nestjs/microservices';
import { RedisQueueBatchContext, RedisQueueServer } from 'nestjs-redis-queue-transport';

/** A service with one batch handler. It prints what it gets, one JSON text in each line. */
function print(event: string): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

const holds = process.env['HOLDS'] === 'yes';
const waitMs = Number(process.env['WAIT_MS'] ?? 0);

@Controller()
class WorkController {
  @MessagePattern('work', { batch: { size: 3, waitMs }, leaseMs: 1_000 })
  async work(
    @Payload() names: readonly string[],
    @Ctx() context: RedisQueueBatchContext,
  ): Promise<void> {
    const attempts = context.items.map((item) => item.getAttempt());
    print(`begin ${names.join(' ')} ${attempts.join(' ')}`);
    if (!holds) return print(`end ${names.join(' ')}`);
    context.items[0]?.done();
    const signal = context.getSignal();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    const { code } = signal.reason as { code: string }; // every reason is an error of the library
    print(`aborted ${code}`);
  }
}

@Module({ controllers: [WorkController] })
class ServiceModule {}

const app = await NestFactory.createMicroservice<CustomStrategy>(ServiceModule, {
  strategy: new RedisQueueServer({
    connection: process.env['REDIS_URL'],
    prefix: process.env['PREFIX'],
    shutdownTimeoutMs: 100,
  }),
  logger: ['fatal'],
});
app.enableShutdownHooks();
await app.listen();
print('ready');
