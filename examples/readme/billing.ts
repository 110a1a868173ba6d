// #region service
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload } from '@nestjs/microservices';
import { RedisQueueModule } from 'nestjs-redis-queue-transport';

@Controller()
class BillingController {
  @EventPattern<string>('order.placed', { durable: true })
  bill(@Payload() order: { id: number }): void {
    console.log(`bill for order ${order.id}`);
  }
}

@Module({
  imports: [
    RedisQueueModule.register({
      connection: process.env['REDIS_URL'],
      server: { group: 'billing' },
    }),
  ],
  controllers: [BillingController],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice());
app.enableShutdownHooks();
await app.listen();
// #endregion service
