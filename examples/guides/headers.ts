import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { MessageHeaders, RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';

interface Order {
  readonly id: number;
}

const billed: string[] = [];

// #region controller
@Controller()
class OrderController {
  constructor(private readonly client: RedisQueueClient) {}

  @MessagePattern('order.place')
  async place(@Payload() order: Order): Promise<void> {
    await this.client.enqueue('order.bill', order); // has the tenant of the message that is handled here
  }

  @MessagePattern('order.bill')
  bill(@Payload() order: Order, @MessageHeaders() headers: Record<string, string>): void {
    billed.push(`order ${order.id} for ${headers['tenant']}, sent by ${headers['sender']}`);
  }
}

@Module({
  imports: [
    RedisQueueModule.register({
      connection: process.env['REDIS_URL'],
      headers: { sender: 'order-service' },
      forwardHeaders: ['tenant'],
      server: {},
    }),
  ],
  controllers: [OrderController],
})
class AppModule {}
// #endregion controller

const app = await NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice());
await app.listen();
const client = app.get(RedisQueueClient);
// #region call
await client.enqueue('order.place', { id: 1 }, { headers: { tenant: 'acme' } }); // billed for acme
// #endregion call
await client.enqueue('order.place', { id: 2 }, { headers: { tenant: 'globex' } });
while (billed.length < 2) await new Promise(setImmediate);
for (const line of billed.toSorted()) console.log(line);
await app.close();
