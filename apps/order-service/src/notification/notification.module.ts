import { Module } from '@nestjs/common';
import { OrdersModule } from '../orders/orders.module.js';
import { MailModule } from './mail.module.js';
import { NotificationController } from './notification.controller.js';
import { NotificationService } from './notification.service.js';

@Module({
  imports: [OrdersModule, MailModule],
  controllers: [NotificationController],
  providers: [NotificationService],
})
export class NotificationModule {}
