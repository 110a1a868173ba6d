import { Module, ValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { ConfigModule } from './config/config.module.js';
import { NotificationModule } from './notification/notification.module.js';
import { OrdersModule } from './orders/orders.module.js';
import { PaymentModule } from './payment/payment.module.js';
import { StockModule } from './stock/stock.module.js';

@Module({
  imports: [ConfigModule, OrdersModule, PaymentModule, StockModule, NotificationModule],
  providers: [
    // For HTTP bodies and, because the microservice inherits it, for events too.
    {
      provide: APP_PIPE,
      useFactory: (): ValidationPipe => new ValidationPipe({ transform: true, whitelist: true }),
    },
  ],
})
export class AppModule {}
