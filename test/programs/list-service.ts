import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import type { CustomStrategy } from '@nestjs/microservices';
import { RedisQueueServer } from 'nestjs-redis-queue-transport';

/** A service that takes from a list that others fill. It prints what it handled, one JSON text in each line. */
function print(event: string): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

@Controller()
class WorkController {
  @MessagePattern('work', { feedFrom: { list: process.env['LIST'] ?? '' }, leaseMs: 1_000 })
  async work(name: string): Promise<void> {
    await pause(5);
    print(`end ${name}`);
  }
}

@Module({ controllers: [WorkController] })
class ServiceModule {}

const app = await NestFactory.createMicroservice<CustomStrategy>(ServiceModule, {
  strategy: new RedisQueueServer({
    connection: process.env['REDIS_URL'],
    prefix: process.env['PREFIX'],
  }),
  logger: ['fatal'],
});
app.enableShutdownHooks();
await app.listen();
print('ready');
