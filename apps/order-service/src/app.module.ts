import { Module } from '@nestjs/common';
import { NotificationModule } from './notification/notification.module.js';
import { OrderEventsModule } from './orders/order-events.module.js';
import { PaymentModule } from './payment/payment.module.js';
import { WebModule } from './web.module.js';

@Module({ imports: [WebModule, OrderEventsModule, PaymentModule, NotificationModule] })
export class AppModule {}
