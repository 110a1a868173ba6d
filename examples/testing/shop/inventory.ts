import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueModule } from 'nestjs-redis-queue-transport';
import type { Order } from './orders.js';

/** Stands for a database. */
@Injectable()
export class Stock {
  readonly #reserved = new Set<string>();
  #left = 1;

  /** Safe to call twice for one order. */
  reserve({ id }: Order): boolean {
    if (this.#reserved.has(id)) return true;
    if (this.#left === 0) return false;
    this.#left -= 1;
    this.#reserved.add(id);
    return true;
  }
}

@Controller()
export class InventoryController {
  constructor(@Inject(Stock) private readonly stock: Stock) {}

  @MessagePattern('inventory.reserve')
  reserve(@Payload() order: Order): boolean {
    return this.stock.reserve(order);
  }
}

@Module({
  imports: [RedisQueueModule.register({ connection: process.env['QUEUE_URL'], server: {} })],
  controllers: [InventoryController],
  providers: [Stock],
})
export class InventoryModule {}
