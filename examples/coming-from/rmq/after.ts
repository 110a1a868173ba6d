import 'reflect-metadata';
import { Controller, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import {
  DeadLetter,
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
} from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';

interface Order {
  readonly id: number;
  readonly total: number;
}

// #region service
@Controller()
class BillingController {
  @MessagePattern('order.bill')
  bill(@Payload() order: Order, @Ctx() context: RedisQueueContext): void {
    if (order.total < 0) {
      console.log(`order ${order.id} cannot be billed`);
      throw new DeadLetter('the total is negative');
    }
    console.log(`bill for order ${order.id} of ${context.getHeaders()['tenant']}`);
  }

  @MessagePattern('order.price')
  price(@Payload() order: Order): number {
    return order.total * 1.2;
  }
}
// #endregion service

// #region client
@Injectable()
class Shop {
  constructor(private readonly client: RedisQueueClient) {}

  async run(): Promise<void> {
    const price = this.client.send<number>('order.price', { id: 1, total: 10 });
    console.log(`price: ${await firstValueFrom(price)}`);
    await this.bill({ id: 1, total: 10 });
    await this.bill({ id: 2, total: -1 });
  }

  private async bill(order: Order): Promise<void> {
    await this.client.enqueue('order.bill', order, { headers: { tenant: 'acme' } });
  }
}
// #endregion client

// #region module
@Module({
  imports: [
    RedisQueueModule.register({
      connection: process.env['REDIS_URL'],
      server: { concurrency: 10 },
    }),
  ],
  controllers: [BillingController],
  providers: [Shop],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice());
// #endregion module
app.enableShutdownHooks();
await app.listen();
await app.get(Shop).run();
