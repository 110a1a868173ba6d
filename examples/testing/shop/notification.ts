import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { RedisQueueEvent, RedisQueueModule } from 'nestjs-redis-queue-transport';
import type { Order } from './orders.js';

@Injectable()
export class Mailer {
  send(_text: string): Promise<void> {
    return Promise.reject(new Error('There is no mail server here.'));
  }
}

@Controller()
export class NotificationController {
  constructor(@Inject(Mailer) private readonly mailer: Mailer) {}

  @RedisQueueEvent('order.placed', { group: 'notification' })
  async placed(@Payload() { id }: Order): Promise<void> {
    await this.mailer.send(`Your order ${id} is on its way.`);
  }
}

@Module({
  imports: [RedisQueueModule.register({ connection: process.env['QUEUE_URL'], server: {} })],
  controllers: [NotificationController],
  providers: [Mailer],
})
export class NotificationModule {}
