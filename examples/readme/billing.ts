// #region service
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload } from '@nestjs/microservices';
import { RedisQueueServer } from 'nestjs-redis-queue-transport';

@Controller()
class BillingController {
  @EventPattern<string>('order.placed', { durable: true })
  bill(@Payload() order: { id: number }): void {
    console.log(`bill for order ${order.id}`);
  }
}

@Module({ controllers: [BillingController] })
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, {
  strategy: new RedisQueueServer({ connection: process.env['REDIS_URL'], group: 'billing' }),
});
app.enableShutdownHooks();
await app.listen();
// #endregion service
