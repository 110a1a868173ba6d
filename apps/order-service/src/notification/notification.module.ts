import { Module } from '@nestjs/common';
import { OrdersModule } from '../orders/orders.module.js';
import { RedisModule } from '../redis/redis.module.js';
import { MailProvider } from './mail-provider.js';
import { NotificationController } from './notification.controller.js';
import { NotificationService } from './notification.service.js';

@Module({
  imports: [OrdersModule, RedisModule],
  controllers: [NotificationController],
  providers: [NotificationService, MailProvider],
})
export class NotificationModule {}
