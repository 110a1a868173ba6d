import { Controller, Inject, Module } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { DeadLetter, RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';

export interface Order {
  readonly id: string;
  readonly sku: string;
}

@Controller()
export class OrdersController {
  constructor(@Inject(RedisQueueClient) private readonly client: RedisQueueClient) {}

  @MessagePattern('order.place')
  async place(@Payload() order: Order): Promise<{ reserved: boolean }> {
    if (order.sku === '') throw new DeadLetter('an order of nothing');
    const reserving = this.client.send<boolean>('inventory.reserve', order);
    const reserved = await lastValueFrom(reserving);
    if (reserved) await this.client.emit('order.placed', order);
    return { reserved };
  }
}

@Module({
  imports: [RedisQueueModule.register({ connection: process.env['QUEUE_URL'], server: {} })],
  controllers: [OrdersController],
})
export class OrdersModule {}
