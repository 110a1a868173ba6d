import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
// #region observer
import { RedisQueueServer } from 'nestjs-redis-queue-transport';
import type {
  HandlerEnd,
  ObservedDelivery,
  RedisQueueObserver,
} from 'nestjs-redis-queue-transport';

class HandlerTimes implements RedisQueueObserver {
  ended({ queue, attempt }: ObservedDelivery, { outcome, durationMs }: HandlerEnd): void {
    console.log(`${queue}: attempt ${attempt}: ${outcome} after ${durationMs.toFixed(1)} ms`);
  }
}

const server = new RedisQueueServer({
  connection: process.env['REDIS_URL'],
  observers: [new HandlerTimes()],
});
// #endregion observer

@Controller()
class MailController {
  @MessagePattern('mail.send')
  send(): string {
    return 'sent';
  }
}

@Module({ controllers: [MailController] })
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, { strategy: server });
app.enableShutdownHooks();
await app.listen();
