import 'reflect-metadata';
import { Controller, Injectable, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';

interface Order {
  readonly id: string;
  readonly isUnsent: boolean;
}

/** Stands for a table of your database. */
@Injectable()
class Orders {
  readonly #rows = new Map<string, Order>();

  save(order: Order): Promise<void> {
    this.#rows.set(order.id, order);
    return Promise.resolve();
  }

  markSent(id: string): Promise<void> {
    return this.save({ id, isUnsent: false });
  }

  unsent(): Promise<Order[]> {
    return Promise.resolve([...this.#rows.values()].filter(({ isUnsent }) => isUnsent));
  }
}

// #region service
@Injectable()
class OrderService implements OnApplicationBootstrap {
  constructor(
    private readonly orders: Orders,
    private readonly client: RedisQueueClient,
  ) {}

  async place(id: string): Promise<void> {
    await this.orders.save({ id, isUnsent: true }); // one transaction: the order and its mark
    await this.#send(id);
  }

  /** At the start; in your app, also every few seconds. */
  async onApplicationBootstrap(): Promise<void> {
    for (const { id } of await this.orders.unsent()) await this.#send(id);
  }

  async #send(id: string): Promise<void> {
    const settings = { id: `order-${id}`, deduplicateMs: 3_600_000 };
    await this.client.enqueue('order.handle', { id }, settings);
    await this.orders.markSent(id);
  }
}
// #endregion service

const handled: string[] = [];

@Controller()
class OrderController {
  @MessagePattern('order.handle')
  handle(@Payload() order: { id: string }): void {
    handled.push(order.id);
  }
}

@Module({
  imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'], server: {} })],
  controllers: [OrderController],
  providers: [Orders, OrderService],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice());
await app.get(Orders).save({ id: '1', isUnsent: true }); // saved by a process that died before it sent
await app.listen();
await app.get(OrderService).place('2');
await app.get(OrderService).onApplicationBootstrap();
while (handled.length < 2) await new Promise(setImmediate);
console.log(`handled ${handled.toSorted().join(' and ')}`);
console.log(`unsent: ${(await app.get(Orders).unsent()).length}`);
await app.close();
