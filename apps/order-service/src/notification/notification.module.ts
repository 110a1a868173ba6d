import { Module } from '@nestjs/common';
import { OrdersModule } from '../orders/orders.module.js';
import { NotificationController } from './notification.controller.js';
import { NotificationService } from './notification.service.js';
import { Outbox } from './outbox.js';

@Module({
  imports: [OrdersModule],
  controllers: [NotificationController],
  providers: [NotificationService, Outbox],
})
export class NotificationModule {}
