import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
} from 'nestjs-redis-queue-transport';

interface Order {
  readonly id: string;
  readonly customerId: string;
}

const placed: string[] = [];

// #region handler
@Controller()
class OrderController {
  @MessagePattern('order.place', { retry: { delayMs: 200 } })
  place(@Payload() order: Order, @Ctx() context: RedisQueueContext): void {
    // The second order of this customer waits until the first has succeeded.
    if (order.id === 'ada-1' && context.getAttempt() === 1) throw new Error('The bank is away.');
    placed.push(`${order.id}, key ${context.getKey()}`);
  }
}
// #endregion handler

@Controller()
class BillingController {
  // #region event
  @EventPattern<string>('order.placed', {
    group: 'billing',
    key: (order: Order) => order.customerId,
  })
  // #endregion event
  bill(@Payload() order: Order, @Ctx() context: RedisQueueContext): void {
    placed.push(`${order.id}, key ${context.getKey()}, from its data`);
  }
}

@Module({
  imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'], server: {} })],
  controllers: [OrderController, BillingController],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, {
  ...RedisQueueModule.microservice(),
  logger: false,
});
await app.listen();
const client = app.get(RedisQueueClient);
for (const id of ['ada-1', 'ada-2', 'bob-1']) {
  const order: Order = { id, customerId: id.slice(0, 3) };
  // #region call
  await client.enqueue('order.place', order, { key: order.customerId });
  // #endregion call
}
await client.emit('order.placed', { id: 'ada-3', customerId: 'ada' });
while (placed.length < 4) await new Promise((resolve) => setTimeout(resolve, 10));
for (const line of placed) console.log(line);
await app.close();
